"""What stands before faces and around them: glasses, hats, masks, hands, microphones and other things; and the shirt below.

Each prop is a mesh of fixed topology with vertices and colours for a batch; where a portrait has none, it has no extent.
"""
import math

import torch

from head import NECK, SCALP, SKIN, chance, normal, uniform, unit


def tube_faces(rings, sides, closed):
    """Triangles of a tube of `rings` rings of `sides` vertices."""
    r = torch.arange(rings if closed else rings - 1)
    s = torch.arange(sides)
    a = (r[:, None] * sides + s).reshape(-1)
    b = (r[:, None] * sides + (s + 1) % sides).reshape(-1)
    c = (((r + 1) % rings)[:, None] * sides + s).reshape(-1)
    d = (((r + 1) % rings)[:, None] * sides + (s + 1) % sides).reshape(-1)
    return torch.cat([torch.stack([a, b, c], -1), torch.stack([b, d, c], -1)]).int()


def tube(path, radius, sides, device):
    """Vertices [B, R sides, 3] of a tube about a path [B, R, 3]; radius [B, 1] or [B, R]."""
    ahead = torch.cat([path[:, 1:] - path[:, :-1], path[:, -1:] - path[:, -2:-1]], 1)
    t = unit(ahead)
    up = torch.tensor([0.13, 0.97, 0.21], device=device).expand_as(t)
    u = unit(torch.cross(t, up, dim=-1))
    v = torch.cross(t, u, dim=-1)
    angle = torch.arange(sides, device=device) * (2 * math.pi / sides)
    ring = u[:, :, None] * torch.cos(angle)[:, None] + v[:, :, None] * torch.sin(angle)[:, None]
    return (path[:, :, None] + radius[..., None, None] * ring).reshape(len(path), -1, 3)


# Brows, cheeks and the bridge of the nose: what glasses stand before.
BEHIND_GLASSES = [105, 334, 63, 293, 117, 346, 50, 280, 6, 168]


class Glasses:
    """Two rims, a bridge, two temples; lenses of sunglasses are opaque."""
    RIM, SIDES = 28, 5

    def __init__(self, head):
        self.head, device = head, head.device
        rim = tube_faces(self.RIM, self.SIDES, True)
        rod = tube_faces(6, self.SIDES, False)
        count = self.RIM * self.SIDES
        parts, at = [], 0
        for faces, size in ((rim, count), (rim, count), (rod, 6 * self.SIDES), (rod, 6 * self.SIDES), (rod, 6 * self.SIDES)):
            parts.append(faces + at)
            at += size
        fan = torch.tensor([[0, 1 + i, 1 + (i + 1) % self.RIM] for i in range(self.RIM)], dtype=torch.int32)
        self.frame_count = at
        for _ in range(2):
            parts.append(fan + at)
            at += self.RIM + 1
        self.faces = torch.cat(parts).to(device)
        self.count = at

    def draw(self, landmarks):
        """landmarks [B, 478, 3] of the true head."""
        batch, device = len(landmarks), self.head.device
        worn = chance(0.22, batch, device)[:, None]
        dark = chance(0.2, batch, device)[:, None]
        eyes = [landmarks[:, list(ring)].mean(1) for ring in ((33, 133, 159, 145), (263, 362, 386, 374))]
        middle = (eyes[0] + eyes[1]) / 2
        # Before brows and cheeks, whatever the face.
        plane = landmarks[:, BEHIND_GLASSES, 2].amax(1) + uniform(0.001, 0.009, (batch,), device)
        half = [uniform(0.02, 0.029, (batch, 1), device), uniform(0.013, 0.026, (batch, 1), device)]
        power = uniform(0.45, 1.0, (batch, 1), device)
        drop = uniform(-0.008, 0.001, (batch, 1), device)
        angle = torch.arange(self.RIM, device=device) * (2 * math.pi / self.RIM)
        squash = lambda v: torch.sign(v) * v.abs() ** power
        radius = uniform(0.0005, 0.0026, (batch, 1), device) * worn
        vertices, discs, ends = [], [], []
        for side, eye in zip((-1, 1), eyes):
            cx = middle[:, :1] + side * torch.maximum((eye - middle)[:, :1].abs(), half[0] + 0.008)
            x = cx + half[0] * squash(torch.cos(angle))
            y = eye[:, 1:2] + drop + half[1] * squash(torch.sin(angle))
            z = plane[:, None] - 1.3 * (x - middle[:, :1]) ** 2
            ring = torch.stack([x, y, z], -1)
            vertices.append(tube(ring, radius, self.SIDES, device))
            discs.append(torch.cat([ring.mean(1, keepdim=True) + torch.tensor([0, 0, 0.002], device=device), ring], 1))
            inner, outer = (0, self.RIM // 2) if side < 0 else (self.RIM // 2, 0)
            ends.append((ring[:, inner], ring[:, outer]))
        s = torch.linspace(0, 1, 6, device=device)[None, :, None]
        bridge = ends[0][0][:, None] * (1 - s) + ends[1][0][:, None] * s
        bridge[..., 1] += 0.004 * torch.sin(math.pi * s[..., 0])
        vertices.append(tube(bridge, radius, self.SIDES, device))
        for side, (_, outer) in zip((-1, 1), ends):
            ear = torch.stack([middle[:, 0] + side * 0.077, outer[:, 1] - 0.002, torch.full_like(outer[:, 2], -0.005)], -1)
            vertices.append(tube(outer[:, None] * (1 - s) + ear[:, None] * s, radius, self.SIDES, device))
        for disc in discs:
            # Clear lenses are left out: what they show is the face.
            vertices.append(torch.where((worn & dark)[..., None], disc, disc[:, :1]))
        frame = uniform(0.005, 0.6, (batch, 1, 3), device) ** 1.5
        lens = uniform(0.004, 0.06, (batch, 1, 3), device)
        self.worn, self.dark = worn[:, 0], (worn & dark)[:, 0]
        colours = torch.cat([frame.expand(-1, self.frame_count, -1), lens.expand(-1, self.count - self.frame_count, -1)], 1)
        return torch.cat(vertices, 1), colours


class Shells:
    """A hat or hair band, and a mask or scarf: parts of the head's own surface, lifted."""

    def __init__(self, head):
        self.head = head
        mean = head.mean * 1000
        x, y, z = mean.T
        skin = (head.parts == SKIN) | (head.parts == SCALP) | (head.parts == NECK) | (head.parts == 3)
        self.height, self.low = y, mean
        triangles = head.skin_faces
        def faces(mask):
            return triangles[mask[triangles.long()].all(-1)]
        self.cap_faces = faces(skin & (y > 30))
        self.mask_faces = faces(skin & (y < -8) & (y > -135) & (x.abs() < 75) & (z > 10))
        self.count = 2 * len(mean)
        self.faces = torch.cat([self.cap_faces, self.mask_faces + len(mean)])

    def draw(self, vertices, normals):
        batch, device = len(vertices), self.head.device
        hat = chance(0.09, batch, device)[:, None]
        edge = uniform(38, 72, (batch, 1), device)
        mean = self.low
        rim = (mean[:, 1] - edge + 8 * (mean[:, 2] < 20)) / 4
        lift = torch.sigmoid(rim) * uniform(0.005, 0.014, (batch, 1), device)
        brim = torch.exp(-((rim - 1) / 2.5) ** 2) * uniform(0, 0.05, (batch, 1), device) * chance(0.5, batch, device)[:, None]
        flat = torch.stack([normals[..., 0], 0 * normals[..., 1] + 0.1, normals[..., 2]], -1)
        cap = vertices + normals * lift[..., None] + flat * brim[..., None]
        cap = torch.where((hat & (rim > -1.2))[..., None], cap, vertices[:, :1] * 0 - 10)
        mask = chance(0.05, batch, device)[:, None]
        top = uniform(-45, -15, (batch, 1), device)
        inside = mask & (mean[:, 1] < top)
        cover = vertices + normals * uniform(0.003, 0.007, (batch, 1, 1), device)
        cover = torch.where(inside[..., None], cover, vertices[:, :1] * 0 - 10)
        colours = [uniform(0.01, 0.7, (batch, 1, 3), device).expand(-1, len(mean), -1) * (1 + 0.3 * torch.sin(mean @ normal((3,), device, 0.2)))[None, :, None]
                   for _ in range(2)]
        return torch.cat([cap, cover], 1), torch.cat(colours, 1).clamp(0, 1)


class Things:
    """Fingers, palms, microphones, cups, phones, cards: rounded rods and boxes near the face's border or in front of it."""
    RODS, RINGS, SIDES = 9, 7, 10

    def __init__(self, head):
        self.head = head
        one = tube_faces(self.RINGS, self.SIDES, False)
        size = self.RINGS * self.SIDES
        self.faces = torch.cat([one + i * size for i in range(self.RODS)]).to(head.device)
        self.count = self.RODS * size

    def draw(self, landmarks, skin):
        """skin [B, 3]: colour of the person's skin."""
        batch, device, rods = len(landmarks), self.head.device, self.RODS
        shown = chance(0.22, batch, device)
        hand = chance(0.6, batch, device)
        at = torch.randint(0, 468, (batch,), device=device)
        place = landmarks[torch.arange(batch, device=device), at]
        away = unit(place - torch.tensor([0.0, -0.03, 0.02], device=device))
        place = place + away * uniform(0.006, 0.03, (batch, 1), device)
        along = unit(normal((batch, 1, 3), device) - (normal((batch, 1, 3), device) * away[:, None]).sum(-1, keepdim=True) * away[:, None])
        side = unit(torch.cross(along, away[:, None].expand_as(along), dim=-1))
        k = torch.arange(rods, device=device).float()
        spread = (k - 2)[None, :, None] * uniform(0.016, 0.021, (batch, 1, 1), device)
        start = place[:, None] + side * spread + 0.004 * normal((batch, rods, 3), device)
        direction = unit(along + 0.12 * normal((batch, rods, 3), device) - 0.25 * away[:, None])
        reach = uniform(0.05, 0.085, (batch, rods, 1), device)
        radius = uniform(0.0065, 0.0095, (batch, rods), device)
        # The fifth rod is the palm; the others beyond five are not there.
        palm = k == 4
        start = torch.where(palm[None, :, None], place[:, None] - along * 0.05 + 0.01 * away[:, None], start)
        radius = torch.where(palm[None], uniform(0.03, 0.042, (batch, 1), device), radius) * (k < 5)
        # Or one thing of its own: a thick rod with a thinner one.
        thing_radius = uniform(0.012, 0.055, (batch, 1), device) * (k == 0) + uniform(0.008, 0.03, (batch, 1), device) * (k == 1)
        thing_reach = uniform(0.03, 0.2, (batch, rods, 1), device)
        thing_start = place[:, None].expand(-1, rods, -1)
        h = hand[:, None]
        radius = torch.where(h, radius, thing_radius) * shown[:, None]
        start = torch.where(h[..., None], start, thing_start)
        reach = torch.where(h[..., None], reach, thing_reach)
        s = torch.linspace(0, 1, self.RINGS, device=device)
        bend = -0.3 * uniform(0, 1, (batch, rods, 1, 1), device) * away[:, None, None] * (s ** 2)[None, None, :, None] * h[..., None, None]
        path = start[:, :, None] + (direction[:, :, None] * s[None, None, :, None] + bend) * reach[:, :, None]
        profile = torch.sqrt((1 - ((s - 0.5).abs() * 2) ** 6).clamp(min=0)) * (1 + 0.06 * torch.sin(9 * s))
        tubes = tube(path.reshape(batch * rods, self.RINGS, 3), (radius.reshape(-1, 1) * profile), self.SIDES, device)
        tone = skin * uniform(0.75, 1.25, (batch, 1), device)
        colour = torch.where(h[..., None], tone[:, None], uniform(0.01, 0.7, (batch, rods, 3), device))
        colours = colour[:, :, None].expand(-1, -1, self.RINGS * self.SIDES, -1).reshape(batch, -1, 3)
        return tubes.reshape(batch, -1, 3), colours


class Shirt:
    """Shoulders: a skirt of rings from the neck outwards and down."""
    RINGS, SIDES = 9, 40

    def __init__(self, head):
        self.head = head
        self.faces = tube_faces(self.RINGS, self.SIDES, False).to(head.device)
        self.count = self.RINGS * self.SIDES

    def draw(self, batch):
        device = self.head.device
        s = torch.linspace(0, 1, self.RINGS, device=device)[None, :, None]
        angle = (torch.arange(self.SIDES, device=device) * (2 * math.pi / self.SIDES))[None, None]
        collar = uniform(-0.15, -0.105, (batch, 1, 1), device)
        wide = uniform(0.062, 0.085, (batch, 1, 1), device)
        x = (wide + s ** 0.7 * uniform(0.1, 0.16, (batch, 1, 1), device)) * torch.cos(angle)
        z = -0.012 + (0.9 * wide + s ** 0.8 * 0.05) * torch.sin(angle)
        y = collar - 0.03 * torch.sin(angle) * (1 - s) - s ** 1.6 * 0.2 + 0 * angle
        folds = 0.004 * torch.sin(7 * angle + 9 * s + uniform(0, 6, (batch, 1, 1), device))
        colour = uniform(0.01, 0.75, (batch, 1, 3), device)
        pattern = 1 + uniform(0, 0.5, (batch, 1, 1), device) * torch.sin(angle * 14 + s * 30).reshape(1, -1, 1)
        return torch.stack([x + folds, y, z + folds], -1).reshape(batch, -1, 3), (colour * pattern).clamp(0, 1)
