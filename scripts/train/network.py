"""The network: a U-Net that looks at the photo and the fitted head and says what each pixel is, how the skin there leans, its colour,
and where the fitted head should be moved."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from portrait import LABELS
from samples import INPUTS

WIDTHS = (32, 56, 88, 128, 168, 208)
# Channels of the output: labels, change of normals, its log error, log albedo, displacement (x, y, depth), its log errors (picture, depth).
PARTS = {'labels': len(LABELS), 'normals': 3, 'doubt': 1, 'albedo': 3, 'move': 3, 'moveDoubt': 2}


def block(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Network(nn.Module):
    def __init__(self, widths=WIDTHS):
        super().__init__()
        self.down = nn.ModuleList(block(a, b) for a, b in zip((INPUTS,) + widths[:-1], widths))
        self.context = nn.Sequential(nn.Linear(widths[-1], widths[-1]), nn.ReLU(inplace=True), nn.Linear(widths[-1], widths[-1]))
        self.up = nn.ModuleList(block(a + b, a) for a, b in zip(widths[:-1], widths[1:]))
        self.out = nn.Conv2d(widths[0], sum(PARTS.values()), 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        kept = []
        for i, layer in enumerate(self.down):
            x = layer(x if i == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        # What the whole picture says: the light, the pose.
        x = x + self.context(x.mean((2, 3)))[:, :, None, None]
        for i in reversed(range(len(self.up))):
            x = self.up[i](torch.cat([kept[i], F.interpolate(x, scale_factor=2.0, mode='nearest')], 1))
        return self.out(x)


def split(out):
    return dict(zip(PARTS, out.split(list(PARTS.values()), 1)))
