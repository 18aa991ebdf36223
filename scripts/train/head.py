"""The built-in head, and people drawn from it: shapes, faces they make, poses and lenses.

Frames as everywhere in the project: head frame in metres, +X to the subject's left, +Y up, +Z out of the face; camera frame OpenCV.
"""
import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

SKIN, EYEBALL, MOUTH, EAR, NECK, SCALP = range(6)  # HEAD_PARTS of src/engine/stages.ts

# Faces people make: strength and what moves; | stands for both sides. Strengths are drawn up to 1.
FACES = [
    (4, {}),
    (3, {'mouthSmile|': 0.9, 'eyeSquint|': 0.35, 'mouthDimple|': 0.2}),
    (3, {'mouthSmile|': 0.7, 'mouthLaugh|': 0.5, 'jawOpen': 0.35, 'mouthUpperUp|': 0.5, 'mouthLipsPart': 0.3, 'eyeSquint|': 0.5}),
    (2, {'mouthLipsPart': 0.8, 'mouthUpperUp|': 0.3, 'mouthLowerDown|': 0.2, 'mouthSmile|': 0.4}),
    (2, {'jawOpen': 1.0, 'mouthLipsPartWide': 0.2}),
    (2, {'jawOpen': 0.8, 'browUp|': 0.8, 'browInnerUp|': 0.4, 'browOuterUp|': 0.5, 'eyeWide|': 0.9}),
    (2, {'mouthFunnel': 0.9, 'jawOpen': 0.2}),
    (2, {'mouthPucker': 1.0}),
    (2, {'browDown|': 1.0, 'eyeSquint|': 0.4, 'mouthFrown|': 0.3}),
    (2, {'mouthFrown|': 1.0, 'browInnerUp|': 0.7}),
    (2, {'noseSneer|': 1.0, 'mouthUpperUp|': 0.6, 'browDown|': 0.5, 'eyeSquint|': 0.5}),
    (1, {'mouthStretch|': 0.8, 'mouthLowerDown|': 0.5, 'jawOpen': 0.2, 'browUp|': 0.6}),
    (1, {'cheekPuff|': 1.0}),
    (1, {'browUp|': 0.9, 'browOuterUp|': 0.6}),
    (1, {'mouthLeft': 1.0}), (1, {'mouthRight': 1.0}), (1, {'jawLeft': 0.8}), (1, {'jawRight': 0.8}),
]


def uniform(low, high, shape, device):
    return low + (high - low) * torch.rand(shape, device=device)


def normal(shape, device, sigma=1.0):
    return sigma * torch.randn(shape, device=device)


def chance(p, batch, device):
    return torch.rand(batch, device=device) < p


def unit(v, eps=1e-9):
    return v / v.norm(dim=-1, keepdim=True).clamp(min=eps)


class Head:
    """The model as tensors on a device, and the chart maps of made-up people."""

    def __init__(self, folder, device):
        folder = Path(folder)
        with safe_open(folder / 'head.safetensors', 'pt') as f:
            get = {k: f.get_tensor(k) for k in f.keys()}
            meta = f.metadata()
        self.device = device
        self.mean = get['mean'].to(device)
        self.identity = get['identity'].view(torch.float16).to(device, torch.float32)
        self.expression = get['expression'].view(torch.float16).to(device, torch.float32)
        self.precision = get['expressionPrecision'].to(device)
        self.range = get['expressionRange'].to(device)
        self.names = json.loads(meta['expressionNames'])
        self.index = {name: k for k, name in enumerate(self.names)}
        self.triangles = get['triangles'].to(device)
        self.region = get['faceRegion'].to(device).bool()
        self.parts = get['parts'].to(device)
        chart = json.loads(meta['chart'])
        self.chart = get['chart'].to(device) / torch.tensor([chart['width'], chart['height']], device=device) * 2 - 1
        self.landmark_triangles = get['landmarkTriangles'].to(device).long()
        self.landmark_weights = get['landmarkWeights'].to(device)
        self.landmark_trust = get['landmarkTrust'].to(device)
        self.jaw = get['jaw'].to(device).long()
        self.step = 0.28 / chart['width']  # metres a chart pixel
        parts = self.parts[self.triangles.long()]
        cover = self.region & ((parts == EYEBALL) | (parts == MOUTH)).any(-1)
        balls = ~self.region & (parts == EYEBALL).all(-1)
        self.skin_faces = self.triangles[~cover & ~balls]
        self.ball_faces = self.triangles[balls]
        self.mouth_faces = self.triangles[self.region & (parts == MOUTH).any(-1)]
        # What the engine's own raster of the fitted head draws: everything but the eyeballs behind their covers.
        self.drawn_faces = self.triangles[~balls]
        self.drawn_region = self.region[~balls]
        self.interior_mean = get['interiorMean'].to(device)
        self.interior_identity = get['interiorIdentity'].view(torch.float16).to(device, torch.float32)
        self.interior_expression = get['interiorExpression'].view(torch.float16).to(device, torch.float32)
        self.interior_faces = get['interiorTriangles'].to(device)
        self.interior_parts = get['interiorParts'].to(device)
        self.crowns = get['crowns'].to(device)
        self.labels = torch.from_numpy(np.array(Image.open(folder / 'labels.png').convert('L'))).to(device)
        self.people = [self._person(f) for f in sorted((folder / 'maps').glob('*.json'))]

    def _person(self, file):
        stem = str(file)[:-5]
        look = json.loads(file.read_text())
        albedo = torch.from_numpy(np.array(Image.open(stem + '-albedo.jpg'))).to(self.device)
        height = torch.from_numpy(np.array(Image.open(stem + '-height.jpg').convert('L'))).to(self.device)
        return {**look, 'albedo': albedo, 'height': height}

    def pose(self, identity, expression):
        """[B, V, 3] metres of coefficients [B, 110] and [B, 56]."""
        shape = identity @ self.identity.flatten(1)
        face = expression @ self.expression.flatten(1)
        return self.mean + (shape + face).reshape(len(identity), -1, 3)

    def pose_interior(self, identity, expression):
        """[B, V', 3] teeth, gums, tongue and lining."""
        shape = identity @ self.interior_identity.flatten(1)
        face = expression @ self.interior_expression.flatten(1)
        return self.interior_mean + (shape + face).reshape(len(identity), -1, 3)

    def interior_colours(self, batch):
        """[B, V', 3] linear RGB; as src/engine/image/mouth-colours.ts paints it, roughly."""
        device, part = self.device, self.interior_parts[None, :, None]
        row = lambda *rgb: torch.tensor(rgb, device=device)
        pigment = uniform(0.5, 1.0, (batch, 1, 1), device)
        stain = uniform(0.1, 1.0, (batch, 1, 1), device)
        light = uniform(0.45, 0.75, (batch, 1, 1), device) * (1 - 0.18 * ((self.crowns - 0.86) / 0.14).clamp(0, 1))[None, :, None]
        teeth = light * (1 - stain * row(0.0, 0.12, 0.35))
        colour = torch.where(part <= 1, teeth, row(0.3, 0.08, 0.07) * pigment)
        colour = torch.where(part == 2, row(0.46, 0.17, 0.15) * pigment, colour)
        return torch.where(part == 3, row(0.46, 0.2, 0.18) * pigment, colour)

    def landmarks(self, vertices):
        """[B, 478, 3]"""
        corners = self.triangles[self.landmark_triangles].long()
        return (vertices[:, corners] * self.landmark_weights[None, :, :, None]).sum(2)

    def draw_identity(self, batch):
        """Coefficients wider than the model's own spread, so that what is learnt is not the model's idea of people."""
        spread = uniform(0.55, 1.05, (batch, 1), self.device)
        return normal((batch, self.identity.shape[0]), self.device).clamp(-2.5, 2.5) * spread

    def draw_expression(self, batch):
        weights = torch.tensor([w for w, _ in FACES], dtype=torch.float, device=self.device)
        moves = torch.zeros(len(FACES), len(self.names), device=self.device)
        for i, (_, face) in enumerate(FACES):
            for name, by in face.items():
                for side in (('Left', 'Right') if name.endswith('|') else ('',)):
                    moves[i, self.index[name.rstrip('|') + side]] = by
        first = moves[torch.multinomial(weights.expand(batch, -1), 1)[:, 0]]
        second = moves[torch.multinomial(weights.expand(batch, -1), 1)[:, 0]]
        e = first * uniform(0.3, 1.1, (batch, 1), self.device) + second * uniform(0, 0.5, (batch, 1), self.device)
        e *= (1 + normal(e.shape, self.device, 0.2)).clamp(0.2, 2)
        # One-sided faces.
        left = torch.tensor([n.endswith('Left') for n in self.names], device=self.device)
        right = torch.tensor([n.endswith('Right') for n in self.names], device=self.device)
        side = torch.rand(batch, 1, device=self.device)
        e = torch.where((side < 0.08) & left, 0.3 * e, e)
        e = torch.where((side > 0.92) & right, 0.3 * e, e)
        opens = torch.tensor([any(s in n for s in ('jawOpen', 'LipsPart', 'Funnel', 'Blink', 'eyeLook', 'cheekPuff')) for n in self.names], device=self.device)
        e += torch.where(opens, 0.0, 1.0) * normal(e.shape, self.device, 0.08)
        # Lids: at rest over the iris's upper edge, sometimes shut, sometimes only one.
        lids = uniform(0.05, 0.25, (batch, 1), self.device).expand(-1, 2).clone()
        shut = torch.rand(batch, 1, device=self.device)
        lids = torch.where(shut < 0.12, uniform(0.6, 1.0, (batch, 1), self.device), lids)
        wink = torch.rand(batch, device=self.device)
        lids[:, 0] = torch.where(wink < 0.03, torch.ones_like(wink), lids[:, 0])
        lids[:, 1] = torch.where(wink > 0.97, torch.ones_like(wink), lids[:, 1])
        look, up = normal((batch,), self.device, 0.3), normal((batch,), self.device, 0.25)
        wide = e[:, [self.index['eyeWideLeft'], self.index['eyeWideRight']]]
        for k, name in enumerate(('Left', 'Right')):
            e[:, self.index['eyeBlink' + name]] = lids[:, k] * (1 - wide[:, k].clamp(0, 1)) - 0.35 * (-up).clamp(min=0) * lids[:, k]
            out = look if name == 'Left' else -look
            e[:, self.index['eyeLookOut' + name]] = out.clamp(min=0)
            e[:, self.index['eyeLookIn' + name]] = (-out).clamp(min=0)
            e[:, self.index['eyeLookUp' + name]] = up.clamp(min=0)
            e[:, self.index['eyeLookDown' + name]] = (-up).clamp(min=0)
        return torch.minimum(torch.maximum(e, self.range[:, 0]), self.range[:, 1])

    def bend(self, batch):
        """[B, V + V', 3], head and interior: smooth displacements that the coefficients cannot make: plane waves of 20 to 250 mm, and a curvature of the whole face."""
        places = torch.cat([self.mean, self.interior_mean])
        total = torch.zeros(batch, *places.shape, device=self.device)
        for wavelength, amplitude, count in ((0.25, 0.0035, 3), (0.11, 0.0022, 4), (0.06, 0.0012, 5), (0.03, 0.0005, 6)):
            for _ in range(count):
                k = unit(normal((batch, 3), self.device)) * (2 * math.pi / wavelength) * uniform(0.7, 1.4, (batch, 1), self.device)
                phase = uniform(0, 2 * math.pi, (batch, 1), self.device)
                wave = torch.sin(k @ places.T + phase)
                total += wave[..., None] * normal((batch, 1, 3), self.device, amplitude / math.sqrt(count))
        # Drawn faces are flatter than measured ones; whatever the truth is, it lies within this.
        across, up = places[:, 0] / 0.07, (places[:, 1] + 0.02) / 0.09
        for shape in (across ** 2, up ** 2, up):
            total[..., 2] += normal((batch, 1), self.device, 0.003) * shape.clamp(-2, 2)
        return total


class Cameras:
    """Poses and lenses of a batch; the crop is the square picture itself."""

    def __init__(self, head, vertices, size):
        batch, device = len(vertices), head.device
        degrees = math.pi / 180
        turned = torch.rand(batch, device=device)
        yaw = torch.where(turned < 0.5, normal((batch,), device, 8), normal((batch,), device, 28)).clamp(-75, 75) * degrees
        pitch = normal((batch,), device, 11).clamp(-35, 35) * degrees
        roll = normal((batch,), device, 10).clamp(-45, 45) * degrees
        self.rotation = _euler(yaw, pitch, roll)
        # The crop is the face region's extent and a margin, as the engine cuts it; distance from its height in the picture.
        region = torch.unique(head.triangles[head.region].long())
        points = (self.rotation @ vertices[:, region].transpose(1, 2)).transpose(1, 2)
        distance = torch.exp(normal((batch, 1), device, 0.45) + math.log(1.1)).clamp(0.35, 4)
        low, high = points.amin(1), points.amax(1)
        middle = (low + high) / 2
        depth = middle[:, 2:] + distance
        extent = torch.maximum(high[:, 0] - low[:, 0], high[:, 1] - low[:, 1])[:, None]
        margin = uniform(1.06, 1.25, (batch, 1), device)
        self.focal = size * depth / (extent * margin)  # [B, 1] pixels
        # The principal point is the photo's, somewhere off the crop's middle.
        offset = normal((batch, 2), device, 0.25) * size * (torch.rand(batch, 1, device=device) < 0.6)
        jitter = normal((batch, 2), device, 0.03) * size
        self.center = size / 2 + offset
        self.translation = torch.cat([
            (size / 2 + jitter - self.center) / self.focal * depth - middle[:, :2], distance], 1)
        self.size = size

    def to_camera(self, points):
        return (self.rotation @ points.transpose(1, 2)).transpose(1, 2) + self.translation[:, None]

    def project(self, camera_points):
        """[B, V, 3]: x and y in pixels, depth in metres."""
        z = camera_points[..., 2:].clamp(min=1e-4)
        return torch.cat([camera_points[..., :2] / z * self.focal[:, None] + self.center[:, None], camera_points[..., 2:]], -1)


def _euler(yaw, pitch, roll):
    """Head → camera rotations [B, 3, 3] of a face that looks into the camera at zero angles."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    c, s = torch.cos, torch.sin
    stack = lambda *rows: torch.stack([torch.stack(r, -1) for r in rows], -2)
    ry = stack((c(yaw), zero, s(yaw)), (zero, one, zero), (-s(yaw), zero, c(yaw)))
    rx = stack((one, zero, zero), (zero, c(pitch), -s(pitch)), (zero, s(pitch), c(pitch)))
    rz = stack((c(roll), -s(roll), zero), (s(roll), c(roll), zero), (zero, zero, one))
    flip = torch.diag(torch.tensor([1.0, -1.0, -1.0], device=yaw.device))
    return flip @ rz @ rx @ ry
