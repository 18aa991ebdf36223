"""Light on a scene: a surrounding of directions and a few lamps, each hidden where the scene hides it; everything in the camera frame."""
import math

import torch
import torch.nn.functional as F

import raster
from head import chance, normal, uniform, unit

# What light can reach the head from: directions of the surroundings, and the sphere that their shadow maps cover.
DIRECTIONS = 18
RADIUS = 0.19
MAP = 144
LAMP_MAP = 400
LAMPS = 3
TAPS = 10


def sphere(count, device):
    """[count, 3] evenly spread directions."""
    i = torch.arange(count, device=device) + 0.5
    z = 1 - 2 * i / count
    a = math.pi * (1 + math.sqrt(5)) * i
    r = (1 - z * z).sqrt()
    return torch.stack([r * torch.cos(a), r * torch.sin(a), z], -1)


def basis(direction):
    """Rows u, v and direction [N, 3, 3]."""
    helper = torch.where(direction[:, :1].abs() < 0.8, torch.tensor([1.0, 0, 0], device=direction.device), torch.tensor([0.0, 1, 0], device=direction.device))
    u = unit(torch.cross(direction, helper, dim=-1))
    return torch.stack([u, torch.cross(direction, u, dim=-1), direction], 1)


class ShadowMaps:
    """Depth of the scene seen from directions [B, N, 3] (towards the light), orthographic."""

    def __init__(self, vertices, faces, directions, center, size):
        batch, count = directions.shape[:2]
        self.axes = basis(directions.reshape(-1, 3)).reshape(batch, count, 3, 3)
        self.center, self.size, self.count = center, size, count
        self.scale = size / (2 * RADIUS)
        screen = self.locate(vertices).reshape(batch * count, -1, 3)
        triangle, depth = raster.rasterize(screen, faces, size, size)
        self.depth = torch.where(triangle >= 0, depth, torch.full_like(depth, 9.0)).reshape(batch, count, size, size)

    def locate(self, points):
        """[B, N, V, 3]: map pixels and depth of points [B, V, 3]; depth grows away from the light."""
        local = torch.einsum('bnij,bvj->bnvi', self.axes, points - self.center)
        xy = local[..., :2] * self.scale + self.size / 2
        return torch.cat([xy, 1 - local[..., 2:]], -1)

    def lit(self, points, bias, spread=None):
        """[B, N, V] 0..1: how much of each light reaches points [B, V, 3]; spread [B, N] metres softens the edge."""
        at = self.locate(points)
        grid = at[..., :2] / self.size * 2 - 1
        maps = self.depth.reshape(-1, 1, self.size, self.size)
        total = 0
        taps = 1 if spread is None else TAPS
        for k in range(taps):
            shifted = grid
            if spread is not None:
                angle = 2 * math.pi * (k / taps) * 3 + torch.rand(grid.shape[:-1], device=grid.device)
                radius = math.sqrt((k + 0.5) / taps) * spread[..., None] * self.scale * 2 / self.size
                shifted = grid + radius[..., None] * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
            flat = shifted.reshape(maps.shape[0], 1, -1, 2)
            seen = F.grid_sample(maps, flat, mode='nearest', padding_mode='border', align_corners=False)
            total = total + (at[..., 2] - bias < seen.reshape(at.shape[:-1])).float()
        return total / taps


class Light:
    """What shines on a batch."""

    def __init__(self, batch, device, up):
        """up [B, 3]: the scene's upward direction in the camera frame."""
        d = sphere(DIRECTIONS, device)
        turn = torch.linalg.qr(normal((3, 3), device))[0]
        self.directions = (d @ turn).expand(batch, -1, -1)
        warm = lambda s, shape: torch.exp(normal(shape, device, s) * torch.tensor([1.0, 0, -1.0], device=device))
        level = uniform(0.15, 1.0, (batch, 1, 1), device) ** 1.5
        gradient = normal((batch, 1, 3), device, 0.5) + 0.45 * up[:, None]
        soft = (1 + (self.directions * gradient).sum(-1, keepdim=True)).clamp(min=0.05)
        patchy = torch.exp(normal((batch, DIRECTIONS, 1), device, 0.35))
        self.surround = level * soft * patchy * warm(0.12, (batch, DIRECTIONS, 1))
        # Lamps: one strong or none, a weaker one, sometimes one from behind.
        az = uniform(-1.9, 1.9, (batch, LAMPS), device)
        height = uniform(-0.4, 1.2, (batch, LAMPS), device)
        az[:, 2] = torch.sign(az[:, 2]) * uniform(1.9, 2.8, (batch,), device)
        # Camera frame: z points away from the camera, so what lights the face lies at negative z.
        self.lamps = torch.stack([torch.sin(az) * torch.cos(height), -torch.sin(height), -torch.cos(az) * torch.cos(height)], -1)
        strength = torch.stack([uniform(0, 2.6, (batch,), device) * chance(0.88, batch, device), uniform(0, 0.8, (batch,), device) * chance(0.6, batch, device),
                                uniform(0.3, 2, (batch,), device) * chance(0.25, batch, device)], 1)
        coloured = chance(0.1, batch, device)[:, None, None]
        colour = torch.where(coloured, uniform(0.1, 1.6, (batch, LAMPS, 3), device), warm(0.12, (batch, LAMPS, 1)))
        self.strength = strength[..., None] * colour
        self.softness = uniform(0.0002, 0.012, (batch, LAMPS), device)

    def receive(self, vertices, normals, faces, center):
        """Surroundings at the vertices: irradiance [B, V, 3] and its change with the normal (green only) [B, V, 3]."""
        maps = ShadowMaps(vertices, faces, self.directions, center, MAP)
        open_ = maps.lit(vertices + 0.002 * normals, 0.004)  # [B, N, V]
        cosine = torch.einsum('bnk,bvk->bnv', self.directions, normals)
        facing = cosine.clamp(min=0) * open_
        share = 4.0 / DIRECTIONS
        irradiance = share * torch.einsum('bnv,bnc->bvc', facing, self.surround)
        near = (cosine > -0.1).float() * open_ * self.surround[..., 1:2]
        return irradiance, share * torch.einsum('bnv,bnk->bvk', near, self.directions)

    def reflect(self, direction):
        """Radiance of the surroundings from directions [B, P, 3], blurred."""
        weight = ((torch.einsum('bpk,bnk->bpn', direction, self.directions) + 1) / 2) ** 12
        return (weight @ self.surround) / weight.sum(-1, keepdim=True).clamp(min=1e-4)
