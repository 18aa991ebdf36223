"""What the network sees and what it is to say, for portraits and the heads fitted to them.

Inputs [B, 11, H, W]: the photo (sRGB less 0.5), the fitted head's normals (camera frame), its depth (pixels behind its middle, over 64),
1 in its face region, and the place of each pixel on the mean head (decimetres).
"""
import torch
import torch.nn.functional as F

import raster
from fit import LEFT_EYE, LIPS, RIGHT_EYE, Fitter, detect
import portrait
from portrait import EYE, MOUTH, SKIN, Portraits, vertex_normals

INPUTS = 11
DEPTH_SCALE = 64.0
# Displacements are learnt in units of so many pixels of a 256 crop.
MOVE_SCALE = 4.0


class Samples:
    def __init__(self, head, size=256):
        self.head, self.size = head, size
        self.portraits, self.fitter = Portraits(head, size), Fitter(head)
        self.region = torch.unique(head.triangles[head.region].long())
        # Lids and lips count more: an opening is small and matters.
        edges = head.landmarks(head.mean[None])[0, LIPS + RIGHT_EYE + LEFT_EYE]
        self.care = 1 + 4 * torch.exp(-(torch.cdist(head.mean, edges).amin(1) / 0.004) ** 2)

    def draw(self, batch):
        """Tensors by name; pictures are [B, C, H, W]."""
        head, size = self.head, self.size
        r = self.portraits.render(batch)
        cameras, truth = r['cameras'], r['vertices']  # camera frame
        middle = self.middle(truth)
        relative = self.picture(truth, cameras.focal, cameras.center, middle)
        marks = head.landmarks(relative)
        at_rest = cameras.to_camera(head.pose(r['identity'], 0 * r['expression']))
        rest = head.landmarks(self.picture(at_rest, cameras.focal, cameras.center, middle))
        points, depths = detect(head, marks, rest)
        # Some heads are nearer to the truth: the network looks again at what it has improved.
        nearer = torch.where(torch.rand(batch, 1, 1, device=head.device) < 0.4, 0.85 * torch.rand(batch, 1, 1, device=head.device), 0)
        points = torch.lerp(points, marks[..., :2], nearer)
        depths = torch.lerp(depths, marks[..., 2], nearer[..., 0])
        identity, expression, rotation, translation, focal = self.fitter.fit(cameras, points, depths)
        fitted = torch.einsum('bij,bvj->bvi', rotation, head.pose(identity, expression)) + translation[:, None]
        fitted_picture = self.picture(fitted, focal, cameras.center, self.middle(fitted))
        screen = torch.cat([fitted_picture[..., :2], fitted[..., 2:]], -1)
        faces = head.drawn_faces
        triangle, _ = raster.rasterize(screen.contiguous(), faces, size, size)
        weights = raster.barycentric(screen, faces, triangle)
        normals = vertex_normals(fitted, faces)
        move = (relative - fitted_picture)
        move = torch.cat([move[..., :2], move[..., 2:] - move[:, self.region, 2:].median(1, keepdim=True).values], -1)
        fields = torch.cat([normals, fitted_picture[..., 2:], head.mean.expand(batch, -1, -1) * 10, move / MOVE_SCALE, self.care.expand(batch, -1)[..., None]], -1)
        seen = raster.interpolate(fields, faces, triangle, weights).permute(0, 3, 1, 2)
        inside = (triangle >= 0).float()[:, None]
        region = (head.drawn_region[triangle.clamp(min=0)] & (triangle >= 0)).float()[:, None]
        coarse = F.normalize(seen[:, :3], dim=1) * inside
        inputs = torch.cat([r['image'] - 0.5, coarse, seen[:, 3:4] / DEPTH_SCALE * inside, region, seen[:, 4:7] * inside], 1)
        skin = ((r['labels'] == SKIN) | (r['labels'] == portrait.LIPS))[:, None]
        hole = ((r['labels'] == EYE) | (r['labels'] == MOUTH))[:, None]
        return {
            'inputs': inputs, 'labels': r['labels'].to(torch.uint8), 'normals': r['normals'], 'albedo': r['albedo'].clamp(0.003, 1),
            'face': (region > 0) & r['inside'][:, None] & ~hole, 'skin': skin, 'region': region > 0, 'move': seen[:, 7:10], 'care': seen[:, 10:11],
        }

    def middle(self, vertices):
        """Depth [B, 1, 1] of the face region's middle."""
        z = vertices[:, self.region, 2:]
        return (z.amin(1, keepdim=True) + z.amax(1, keepdim=True)) / 2

    def picture(self, points, focal, center, middle):
        """Camera-frame points as pixels and relative depth in pixels [B, V, 3]: (z - middle) focal / middle."""
        f = focal[:, None]
        xy = points[..., :2] / points[..., 2:].clamp(min=1e-4) * f + center[:, None]
        return torch.cat([xy, (points[..., 2:] - middle) * f / middle], -1)
