"""Hair and beards as ribbons: roots on the skull or the jaw, and paths that fall, are combed and stay outside the head."""
import math

import torch

from head import EAR, NECK, SCALP, SKIN, chance, normal, uniform, unit

SEGMENTS = 8
# Middle and half axes of the skull, head frame, metres: strands stay outside.
SKULL = ((0.0, 0.02, 0.0), (0.078, 0.108, 0.1))


def smoothstep(a, b, x):
    t = ((x - a) / (b - a)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def hairline(x, y, z, height, temples):
    """How far behind the hairline a place of the mean head lies, mm [B, N]; as src/engine/generate/hair.ts draws it."""
    side = x.abs()
    temple = smoothstep(20, 62, side)
    front = height[:, None] + temples[:, None] * temple * (1 - smoothstep(58, 68, side))
    behind = smoothstep(66, 40, z)
    ear = smoothstep(18, -8, z)
    line = front * (1 - behind) + behind * ((1 - ear) * -8 + ear * -62)
    return y - line


class Strands:
    """Ribbons of one kind for a batch; topology is fixed, unused ribbons have no extent."""

    def __init__(self, count, device):
        self.count, self.device = count, device
        rows = torch.arange(SEGMENTS, device=device)
        one = torch.stack([torch.stack([2 * rows, 2 * rows + 1, 2 * rows + 2], -1), torch.stack([2 * rows + 1, 2 * rows + 3, 2 * rows + 2], -1)], 1).reshape(-1, 3)
        start = torch.arange(count, device=device) * 2 * (SEGMENTS + 1)
        self.faces = (start[:, None, None] + one).reshape(-1, 3).int()

    def ribbons(self, path, width, eye):
        """path [B, S, G + 1, 3], width [B, S] metres, eye [B, 3] → vertices [B, S (G + 1) 2, 3] and tangents of the same shape."""
        tangent = torch.cat([path[:, :, 1:] - path[:, :, :-1], path[:, :, -1:] - path[:, :, -2:-1]], 2)
        tangent = unit(tangent)
        across = unit(torch.cross(tangent, eye[:, None, None] - path, dim=-1))
        taper = torch.linspace(1, 0.25, SEGMENTS + 1, device=self.device)
        half = 0.5 * width[:, :, None, None] * taper[None, None, :, None] * across
        both = torch.stack([path - half, path + half], 3)
        shape = (len(path), -1, 3)
        return both.reshape(shape), tangent[:, :, :, None].expand_as(both).reshape(shape)


def roots(head, vertices, weights, count):
    """Random places on triangles with weights [B, T]: positions and normals [B, S, 3], and mean-head positions in mm."""
    triangles = head.triangles.long()
    pick = torch.multinomial(weights + 1e-12, count, replacement=True)
    corners = triangles[pick]  # [B, S, 3]
    b = torch.rand(*pick.shape, 2, device=head.device)
    b = torch.where(b.sum(-1, keepdim=True) > 1, 1 - b, b)
    w = torch.cat([1 - b.sum(-1, keepdim=True), b], -1)[..., None]
    take = lambda field: torch.gather(field, 1, corners.reshape(len(field), -1, 1).expand(-1, -1, 3)).reshape(*corners.shape, 3)
    p = take(vertices)
    place = take(head.mean.expand(len(vertices), -1, -1))
    n = unit(torch.cross(p[:, :, 1] - p[:, :, 0], p[:, :, 2] - p[:, :, 0], dim=-1))
    return (p * w).sum(2), n, (place * w).sum(2) * 1000


def outside(path, center, axes):
    """Pushes points out of an ellipsoid."""
    q = (path - center) / axes
    r = q.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return torch.where(r < 1, center + q / r * axes, path)


class Hair:
    """Hair of the skull in many cuts, and beards."""

    def __init__(self, head, strands=1400, beard=900):
        self.head = head
        self.strands = Strands(strands, head.device)
        self.beard = Strands(beard, head.device)
        mean = head.mean[head.triangles.long()]
        self.area = torch.cross(mean[:, 1] - mean[:, 0], mean[:, 2] - mean[:, 0], dim=-1).norm(dim=-1)
        self.middle = mean.mean(1) * 1000
        parts = head.parts[head.triangles.long()]
        self.bare = ((parts == EAR).any(-1) | (parts == 1).any(-1) | (parts == 2).any(-1)).float()

    def draw(self, vertices, eye):
        """Skull hair: vertices, tangents, colours [B, S (G + 1) 2, 3]; and how each head vertex is covered by short hair [B, V]."""
        head, device, batch, count = self.head, self.head.device, len(vertices), self.strands.count
        style = torch.rand(batch, device=device)
        bald = style < 0.1
        cropped = (style >= 0.1) & (style < 0.3)
        fringe = (style >= 0.3) & (style < 0.52)
        back = (style >= 0.52) & (style < 0.66)
        parted = (style >= 0.66) & (style < 0.85)
        height, temples = uniform(50, 78, (batch,), device), uniform(-2, 12, (batch,), device)
        x, y, z = self.middle.T
        depth = hairline(x.expand(batch, -1), y, z, height, temples)
        weights = self.area * (depth > 0) * (1 - self.bare)
        root, n, place = roots(head, vertices, weights, count)
        center = torch.tensor(SKULL[0], device=device)
        axes = torch.tensor(SKULL[1], device=device) * uniform(0.98, 1.05, (batch, 1, 1), device)
        px, py, pz = place[..., 0] / 1000, place[..., 1] / 1000, place[..., 2] / 1000
        line = uniform(-0.03, 0.03, (batch, 1), device)
        part_side = torch.sign(px - line)
        zero, one = torch.zeros_like(px), torch.ones_like(px)
        fall = torch.stack([0.5 * torch.sign(px) + 4 * px, -1.3 * one, 0.4 * one - 3 * (pz < 0)], -1)
        forward = torch.stack([2 * px, -0.35 * one, 1.5 * one], -1)
        backward = torch.stack([0 * px, 0.2 * one, -1.5 * one], -1)
        sideways = torch.stack([1.4 * part_side, -0.3 * one, 0.35 * one], -1)
        front = (smoothstep(20, 60, place[..., 2]) * smoothstep(30, 60, place[..., 1]))[..., None]
        f = lambda m: m[:, None, None].float()
        long_hair = f(~(bald | cropped | fringe | back | parted))
        comb = (fall * (long_hair + f(fringe) * (1 - front) + f(parted) * (1 - front)) + forward * f(fringe) * front * uniform(0.5, 1.4, (batch, 1, 1), device)
                + backward * f(back) + sideways * (f(parted) * front + 0.5 * long_hair * front) + fall * 0.3 * f(cropped))
        length = torch.where(cropped, uniform(0.004, 0.03, (batch,), device), uniform(0.03, 0.12, (batch,), device))
        length = torch.where(style > 0.85, uniform(0.1, 0.3, (batch,), device), length)
        length = torch.where(bald, torch.zeros_like(length), length)[:, None] * uniform(0.6, 1.2, (batch, count), device)
        curl = uniform(0, 1, (batch, 1, 1), device) ** 2 * 1.2
        stray = (torch.rand(batch, count, 1, device=device) < uniform(0, 0.06, (batch, 1, 1), device)).float()
        direction = unit(n + 0.25 * normal(n.shape, device))
        stiffness = torch.where(cropped, 0.9, 0.45)[:, None, None]
        path, p = [root], root
        swing = normal((batch, count, 3), device)
        for g in range(SEGMENTS):
            wave = torch.stack([torch.sin(g * 1.9 + 6 * swing[..., 0]), torch.sin(g * 1.5 + 6 * swing[..., 1]), torch.sin(g * 2.2 + 6 * swing[..., 2])], -1)
            gravity = torch.stack([zero, -0.5 * one, zero], -1) * (length > 0.06)[..., None]
            wanted = unit(comb) + gravity + curl * wave + stray * 2 * swing
            direction = unit(stiffness * direction + (1 - stiffness) * wanted + 0.08 * swing)
            p = outside(p + direction * (length / SEGMENTS)[..., None], center, axes)
            path.append(p)
        width = uniform(0.0012, 0.0045, (batch, 1), device) * uniform(0.5, 1.5, (batch, count), device)
        width = torch.where(stray[..., 0] > 0, 0.0009, width) * (~bald)[:, None]
        v, t = self.strands.ribbons(torch.stack(path, 2), width, eye)
        colour = self.colours(batch)
        self.colour = colour
        shade = uniform(0.55, 1.35, (batch, count, 1, 1, 1), device) * torch.linspace(0.6, 1.1, SEGMENTS + 1, device=device)[None, None, :, None, None]
        colours = (colour[:, None, None, None] * shade).expand(-1, -1, -1, 2, -1).reshape(batch, -1, 3)
        mean = head.mean * 1000
        cap = smoothstep(-3, 5, hairline(mean[:, 0].expand(batch, -1), mean[:, 1], mean[:, 2], height, temples))
        grows = (head.parts == SKIN) | (head.parts == SCALP) | (head.parts == NECK)
        cap = cap * grows * (~bald)[:, None]
        return v, t, colours, cap

    def colours(self, batch):
        """Linear RGB of a head's hair."""
        device = self.head.device
        melanin = uniform(0.4, 3.4, (batch, 1), device)
        absorb = torch.tensor([0.8, 1.05, 1.35], device=device)
        base = 0.45 * torch.exp(-melanin * absorb)
        red = chance(0.12, batch, device)[:, None] * torch.tensor([0.12, 0.02, 0.0], device=device)
        grey = chance(0.2, batch, device)[:, None] * uniform(0.2, 0.9, (batch, 1), device)
        dyed = chance(0.06, batch, device)[:, None]
        colour = base + red + grey * (0.4 - base)
        return torch.where(dyed, uniform(0.01, 0.5, (batch, 3), device), colour).clamp(0.006, 0.8)

    def draw_beard(self, vertices, eye):
        head, device, batch, count = self.head, self.head.device, len(vertices), self.beard.count
        kind = torch.rand(batch, device=device)
        full, moustache, goatee = kind < 0.09, (kind >= 0.09) & (kind < 0.12), (kind >= 0.12) & (kind < 0.16)
        x, y, z = self.middle.T
        a = x.abs()
        jaw = smoothstep(-48, -70, y - 0.28 * (a - 30).clamp(min=0)) * (z > 5) * (y > -125)
        lip = torch.exp(-((a / 23) ** 4) - ((y + 57) / 6) ** 2)
        bare = torch.exp(-((a / 24) ** 2) - ((y + 71) / 7) ** 2)
        chin = torch.exp(-((a / 22) ** 4) - ((y + 98) / 16) ** 2)
        f = lambda m: m[:, None].float()
        field = f(full) * (torch.maximum(jaw, lip) * (1 - 0.95 * bare)) + f(moustache) * lip + f(goatee) * torch.maximum(chin, 0.7 * lip)
        some = (full | moustache | goatee)[:, None]
        weights = self.area * torch.where(some, field, torch.ones_like(field)) * (1 - self.bare)
        root, n, _ = roots(head, vertices, weights, count)
        length = uniform(0.004, 0.03, (batch, 1), device) * uniform(0.5, 1.3, (batch, count), device) * some
        down = torch.tensor([0.0, -1.0, 0.25], device=device)
        swing = normal((batch, count, 3), device)
        direction, p, path = unit(n + 0.3 * swing), root, [root]
        for _ in range(SEGMENTS):
            direction = unit(direction + 0.35 * down + 0.15 * normal(swing.shape, device))
            p = p + direction * (length / SEGMENTS)[..., None]
            path.append(p)
        width = uniform(0.0006, 0.0016, (batch, 1), device) * some
        v, t = self.beard.ribbons(torch.stack(path, 2), width.expand(-1, count), eye)
        colour = (self.colour * uniform(0.7, 1.2, (batch, 1), device))[:, None, None, None]
        shade = uniform(0.5, 1.4, (batch, count, 1, 1, 1), device)
        return v, t, (colour * shade).expand(-1, -1, SEGMENTS + 1, 2, -1).reshape(batch, -1, 3)


