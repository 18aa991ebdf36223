"""From light to a photo: exposure, white balance, tone, blur, noise, scaling, JPEG, black and white."""
import math

import torch
import torch.nn.functional as F

from head import chance, normal, uniform

LUMINANCE = [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
             [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92], [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]]


def to_srgb(x):
    x = x.clamp(0, 1)
    return torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def to_linear(x):
    return torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055).clamp(min=0) ** 2.4)


def blur(image, sigma):
    """Gaussian of [B, C, H, W], one sigma in pixels for all."""
    radius = max(1, int(math.ceil(2.5 * sigma)))
    k = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
    k = (k / k.sum()).to(image.dtype)
    c = image.shape[1]
    image = F.conv2d(F.pad(image, (radius, radius, 0, 0), mode='replicate'), k.view(1, 1, 1, -1).expand(c, 1, 1, -1), groups=c)
    return F.conv2d(F.pad(image, (0, 0, radius, radius), mode='replicate'), k.view(1, 1, -1, 1).expand(c, 1, -1, 1), groups=c)


def jpeg(image, strength):
    """What quantised 8 x 8 cosine transforms leave of sRGB [B, 3, H, W]; strength [B] multiplies the usual table."""
    batch, _, height, width = image.shape
    device = image.device
    n = torch.arange(8, device=device, dtype=torch.float)
    c = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 16) * 0.5
    c[0] *= 1 / math.sqrt(2)
    r, g, b = image.unbind(1)
    y, cb, cr = 0.299 * r + 0.587 * g + 0.114 * b, -0.169 * r - 0.331 * g + 0.5 * b, 0.5 * r - 0.419 * g - 0.081 * b
    table = torch.tensor(LUMINANCE, device=device, dtype=torch.float) / 255
    planes = torch.stack([y, cb, cr], 1)
    blocks = planes.reshape(batch, 3, height // 8, 8, width // 8, 8).permute(0, 1, 2, 4, 3, 5)
    coded = c @ blocks @ c.T
    q = table * strength.view(-1, 1, 1, 1, 1, 1) * torch.tensor([1.0, 1.6, 1.6], device=device).view(1, 3, 1, 1, 1, 1)
    back = c.T @ (torch.round(coded / q) * q) @ c
    y, cb, cr = back.permute(0, 1, 2, 4, 3, 5).reshape(batch, 3, height, width).unbind(1)
    return torch.stack([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb], 1).clamp(0, 1)


def take(linear, face):
    """Linear light [B, 3, H, W], the face's pixels [B, 1, H, W] → sRGB."""
    batch, _, size, _ = linear.shape
    device = linear.device
    grey = linear.mean(1, keepdim=True)
    mean = (grey * face).sum((1, 2, 3)) / face.sum((1, 2, 3)).clamp(min=1)
    gain = uniform(0.12, 0.5, (batch,), device) / mean.clamp(min=1e-4)
    x = linear * gain.view(-1, 1, 1, 1) * torch.exp(normal((batch, 3, 1, 1), device, 0.08))
    soft = blur(x, 1.0)
    wide = blur(x, 2.2)
    amount = uniform(0, 1, (batch, 1, 1, 1), device)
    x = torch.where(amount < 0.5, x, torch.where(amount < 0.85, torch.lerp(x, soft, uniform(0, 1, (batch, 1, 1, 1), device)), torch.lerp(soft, wide, uniform(0, 1, (batch, 1, 1, 1), device))))
    noise = uniform(0.0, 1.0, (batch, 1, 1, 1), device) ** 2 * 0.014
    sigma = noise * (x.clamp(min=0) / 0.2 + 0.05).sqrt()
    grain = normal(x.shape, device) * 0.7 + normal(x[:, :1].shape, device) * 0.6
    x = x + sigma * grain
    shoulder = uniform(0.55, 0.98, (batch, 1, 1, 1), device)
    room = 1 - shoulder
    x = torch.where(x > shoulder, shoulder + room * (1 - torch.exp(-(x - shoulder) / room)), x)
    s = to_srgb(x)
    # Tone curves of cameras and filters: contrast about the middle, lifted blacks.
    contrast = uniform(0.75, 1.35, (batch, 1, 1, 1), device)
    s = ((s - 0.5) * contrast + 0.5 + normal((batch, 1, 1, 1), device, 0.04)).clamp(0, 1)
    saturation = uniform(0.6, 1.35, (batch, 1, 1, 1), device)
    mono = chance(0.08, batch, device).view(-1, 1, 1, 1)
    saturation = torch.where(mono, torch.zeros_like(saturation), saturation)
    luma = (s * torch.tensor([0.3, 0.59, 0.11], device=device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    s = (luma + (s - luma) * saturation).clamp(0, 1)
    coded = jpeg(s, uniform(0.05, 1.1, (batch,), device))
    s = torch.where(chance(0.4, batch, device).view(-1, 1, 1, 1), coded, s)
    factor = float(uniform(0.4, 0.9, (), 'cpu'))
    small = F.interpolate(F.interpolate(s, scale_factor=factor, mode='area', recompute_scale_factor=True), size=(size, size), mode='bilinear', align_corners=False)
    return torch.where(chance(0.2, batch, device).view(-1, 1, 1, 1), small, s)
