"""The engine's head fit, imitated for batches: landmarks with a detector's errors, and a head fitted to them.

What a network is to correct must look like what the engine hands it. So the true landmarks get errors like those of the detector
(shifts of features, a jaw line that slides, depths that lean and bend), and the same least squares as in src/engine/head/fit.ts,
with the same priors, finds a head.
"""
import math

import torch

from head import normal, uniform

DEPTH_WEIGHT = 4
SIGMA = 0.02  # a landmark's usual error over the distance of the outer eye corners
RIGHT_OUTER, LEFT_OUTER = 33, 263
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
        191, 80, 81, 82, 13, 312, 311, 310, 415]
RIGHT_EYE = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
LEFT_EYE = [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
BROWS = [276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107]


def detect(head, landmarks, rest):
    """Errors of a detector. landmarks [B, 478, 3]: pixels and depth in pixels (relative), of the face and `rest` of the same face at rest.

    Returns points [B, 478, 2] and depths [B, 478], pixels.
    """
    batch, device = len(landmarks), landmarks.device
    points, depths = landmarks[..., :2].clone(), landmarks[..., 2].clone()
    eyes = (points[:, LEFT_OUTER] - points[:, RIGHT_OUTER]).norm(dim=-1).clamp(min=20)[:, None, None]
    rest_points = (head.landmarks(head.mean[None])[0] * 1000)  # mm of the mean head
    for wavelength, amplitude in ((200.0, 0.008), (90.0, 0.006), (45.0, 0.004)):
        for axis in range(2):
            k = normal((batch, 3), device)
            k = k / k.norm(dim=-1, keepdim=True) * 2 * math.pi / wavelength
            wave = torch.sin(k @ rest_points.T + uniform(0, 2 * math.pi, (batch, 1), device))
            points[..., axis] += amplitude * eyes[..., 0] * normal((batch, 1), device) * wave
    points += 0.004 * eyes * normal(points.shape, device)
    for group, spread in ((LIPS, 0.008), (RIGHT_EYE, 0.006), (LEFT_EYE, 0.006), (BROWS, 0.015)):
        points[:, group] += spread * eyes * normal((batch, 1, 2), device)
        # Openings and widths come out too small or too large.
        middle = points[:, group].mean(1, keepdim=True)
        points[:, group] = middle + (points[:, group] - middle) * (1 + normal((batch, 1, 2), device, 0.05))
    points[:, head.jaw] += 0.014 * eyes * normal((batch, 1, 2), device) + 0.01 * eyes * normal((batch, len(head.jaw), 2), device)
    # Depths: of a face nearer to rest than it is, leaning, bent, flattened.
    toward_rest = uniform(0, 0.8, (batch, 1), device)
    depths = depths + toward_rest * (rest[..., 2] - depths)
    x = (points[..., 0] - points[..., 0].mean(1, keepdim=True))
    y = (points[..., 1] - points[..., 1].mean(1, keepdim=True))
    tilt = normal((batch, 2), device) * torch.tensor([2.2, 4.5], device=device) * math.pi / 180
    depths = depths * uniform(0.8, 1.1, (batch, 1), device) + x * tilt[:, :1] + y * tilt[:, 1:]
    size = eyes[..., 0]
    depths = depths + size * (0.05 * normal((batch, 1), device) * (y / size) ** 2 + 0.05 * normal((batch, 1), device) * (x / size) ** 2)
    depths = depths + 0.02 * size * normal(depths.shape, device)
    return points, depths


class Fitter:
    def __init__(self, head):
        self.head = head
        device = head.device
        flat = lambda basis: (basis.float()[:, head.triangles[head.landmark_triangles].long()] * head.landmark_weights[..., None]).sum(2)  # [K, 478, 3]
        self.mean = flat(head.mean[None])[0]
        self.basis = torch.cat([flat(head.identity), flat(head.expression)]).permute(1, 2, 0).contiguous()  # [478, 3, N]
        self.counts = len(head.identity), len(head.expression)
        n = sum(self.counts)
        prior = torch.zeros(n + 6, n + 6, device=device)
        prior[:self.counts[0], :self.counts[0]] = torch.eye(self.counts[0], device=device)
        prior[self.counts[0]:n, self.counts[0]:n] = head.precision
        self.prior = prior
        self.weights = head.landmark_trust.clone()
        self.weights[head.jaw] *= 0.5
        self.deep = torch.ones(478, device=device)
        self.deep[head.jaw] = 0
        self.deep[468:] = 0

    def fit(self, cameras, points, depths, iterations=4):
        """Heads fitted to points [B, 478, 2] and depths [B, 478], pixels, from the true pose.

        Returns identity, expression, rotation [B, 3, 3], translation [B, 3] and focal length [B, 1].
        """
        batch, device = len(points), points.device
        n = sum(self.counts)
        focal = cameras.focal * torch.exp(normal((batch, 1), device, 0.22))
        rotation = cameras.rotation.clone()
        coefficients = torch.zeros(batch, n, device=device)
        scale = cameras.focal / cameras.translation[:, 2:]  # pixels a metre, about the origin
        translation = torch.cat([(cameras.translation[:, :2]), focal / scale], 1)
        eyes = (points[:, LEFT_OUTER] - points[:, RIGHT_OUTER]).norm(dim=-1)
        weight = self.weights / (SIGMA * eyes[:, None]) ** 2  # [B, 478]
        low, high = self.head.range[:, 0], self.head.range[:, 1]
        for _ in range(iterations):
            local = self.mean + torch.einsum('lan,bn->bla', self.basis, coefficients)
            turned = torch.einsum('bij,blj->bli', rotation, local)
            p = turned + translation[:, None]
            z = p[..., 2:]
            f = focal[:, None]
            r = torch.cat([f * p[..., :2] / z + cameras.center[:, None] - points, torch.zeros_like(z)], -1)
            s = focal / translation[:, 2:]  # pixels a metre
            deep = s * turned[..., 2] - depths
            offset = deep.median(1, keepdim=True).values
            r[..., 2] = deep - offset
            width = 3 * 1.4826 * r[..., 2].abs().median(1, keepdim=True).values
            robust = 1 / (1 + (r[..., 2] / width.clamp(min=1e-3)) ** 2) ** 2
            # Rows: derivatives of picture x, y and depth by a camera-frame point.
            d = torch.zeros(batch, 478, 3, 3, device=device)
            d[..., 0, 0] = d[..., 1, 1] = (f / z)[..., 0]
            d[..., :2, 2] = -f * p[..., :2] / z ** 2
            d[..., 2, 2] = s
            moved = torch.einsum('bij,ljn->blin', rotation, self.basis)
            spin = torch.zeros(batch, 478, 3, 3, device=device)
            tx, ty, tz = turned.unbind(-1)
            spin[..., 0, 1], spin[..., 0, 2], spin[..., 1, 0] = tz, -ty, -tz
            spin[..., 1, 2], spin[..., 2, 0], spin[..., 2, 1] = tx, ty, -tx
            shift = torch.eye(3, device=device).expand(batch, 478, 3, 3)
            jacobian = torch.cat([d @ moved, d @ spin, d @ shift], -1)
            jacobian[..., 2, n + 3:] = 0  # depths are relative
            w = torch.stack([weight, weight, DEPTH_WEIGHT * weight * robust * self.deep], -1)
            j = jacobian.reshape(batch, -1, n + 6)
            wj = j * w.reshape(batch, -1, 1)
            a = wj.transpose(1, 2) @ j + self.prior
            g = (wj * r.reshape(batch, -1, 1)).sum(1)
            g[:, :n] += torch.cat([coefficients[:, :self.counts[0]], coefficients[:, self.counts[0]:] @ self.head.precision], 1)
            a = a + 1e-6 * torch.diag_embed(a.diagonal(dim1=1, dim2=2))
            step = -torch.cholesky_solve(g[..., None], torch.linalg.cholesky_ex(a).L)[..., 0]
            coefficients = coefficients + step[:, :n]
            e = coefficients[:, self.counts[0]:]
            coefficients = torch.cat([coefficients[:, :self.counts[0]], torch.minimum(torch.maximum(e, low), high)], 1)
            rotation = _exp(step[:, n:n + 3]) @ rotation
            translation = translation + step[:, n + 3:]
        return coefficients[:, :self.counts[0]], coefficients[:, self.counts[0]:], rotation, translation, focal


def _exp(v):
    """Rotations [B, 3, 3] of axis-angle vectors [B, 3]."""
    skew = torch.zeros(len(v), 3, 3, device=v.device)
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 0] = -v[:, 2], v[:, 1], v[:, 2]
    skew[:, 1, 2], skew[:, 2, 0], skew[:, 2, 1] = -v[:, 0], -v[:, 1], v[:, 0]
    return torch.matrix_exp(skew)
