"""The same optimisation, written plainly in PyTorch in the way of IDR (Yariv et al. 2020): the peer that `npm run peer` times.

Networks of the same sizes with weight normalisation, gradients of the normal by double backward, hits by sphere tracing from the
unit sphere with a search along the rays that do not converge, implicit differentiation of the hit, Adam. It reads the problem
that the engine exports (rays and colours of the photo's face, points near the fitted face with their exact distances) and takes
orders on standard input, one JSON object a line, so that the engine's steps and its own can alternate:

    {"do": "coarse", "steps": 300}     learn the distance               -> {"seconds": s, "error": mean |f - d|}
    {"do": "steps", "steps": 10}       optimise                         -> {"seconds": [...], "tracing": [...], "loss": [...]}
    {"do": "quit"}

Needs Python with PyTorch and NumPy; nothing else.
"""

import argparse
import json
import math
import sys
import time

import numpy as np
import torch
from torch import nn


class Encoding(nn.Module):
    """x, sin(2^k s x), cos(2^k s x): NeRF's positional encoding."""

    def __init__(self, bands: int, scale: float):
        super().__init__()
        self.register_buffer("frequencies", scale * 2.0 ** torch.arange(bands))
        self.size = 3 + 6 * bands

    def forward(self, x):
        angles = (x[:, None, :] * self.frequencies[:, None]).flatten(1)
        return torch.cat([x, torch.sin(angles), torch.cos(angles)], 1)


class Geometry(nn.Module):
    """f(x) -> (signed distance, feature), geometrically initialised as a sphere (SAL, IDR)."""

    def __init__(self, o):
        super().__init__()
        self.encoding = Encoding(o["bands"], math.pi)
        inputs, width = self.encoding.size, o["width"]
        self.skip = o["skip"] - 1
        self.activation = nn.Softplus(beta=o["beta"])
        self.layers = nn.ModuleList()
        for i in range(o["layers"]):
            last = i == o["layers"] - 1
            rows = inputs if i == 0 else width + (inputs if i == self.skip else 0)
            layer = nn.Linear(rows, 1 + o["feature"] if last else width)
            with torch.no_grad():
                layer.bias.zero_()
                if last:
                    layer.weight.normal_(math.sqrt(math.pi / width), 1e-4)
                    layer.bias[0] = -o["initialRadius"]
                else:
                    layer.weight.normal_(0, math.sqrt(2 / width))
                    if i == 0:
                        layer.weight[:, 3:] = 0
                    elif i == self.skip:
                        layer.weight[:, width:] = 0
            self.layers.append(nn.utils.parametrizations.weight_norm(layer))

    def forward(self, x):
        phi = self.encoding(x)
        h = phi
        for i, layer in enumerate(self.layers):
            if i == self.skip:
                h = torch.cat([h, phi], 1)
            h = layer(h)
            if i < len(self.layers) - 1:
                h = self.activation(h)
        return h

    def sdf(self, x):
        return self.forward(x)[:, :1]

    def with_gradient(self, x):
        x = x.requires_grad_(True)
        out = self.forward(x)
        (gradient,) = torch.autograd.grad(out[:, :1].sum(), x, create_graph=True)
        return out, gradient


class Renderer(nn.Module):
    """g(phi(x), phi(v), n, feature) -> RGB."""

    def __init__(self, o, r):
        super().__init__()
        self.position, self.view = Encoding(o["bands"], math.pi), Encoding(r["viewBands"], 1.0)
        rows, layers = self.position.size + self.view.size + 3 + o["feature"], []
        for i in range(r["layers"]):
            last = i == r["layers"] - 1
            layers.append(nn.utils.parametrizations.weight_norm(nn.Linear(rows, 3 if last else r["width"])))
            layers.append(nn.Sigmoid() if last else nn.ReLU())
            rows = r["width"]
        self.net = nn.Sequential(*layers)

    def forward(self, x, n, v, feature):
        return self.net(torch.cat([self.position(x), self.view(v), n, feature], 1))


@torch.no_grad()
def trace(f, origin, directions):
    """First crossings of rays with the surface, from where they enter the unit sphere: sphere tracing, then a search of the rays
    that did not arrive over 100 samples and the secant method. Answers t [n] and which rays hit."""
    along = -(directions @ origin)
    inside = along**2 - (origin @ origin - 1)
    near = along - inside.clamp_min(0).sqrt()
    far = along + inside.clamp_min(0).sqrt()
    t, active = near.clone(), inside > 0
    hit = torch.zeros_like(active)
    for _ in range(10):
        index = active.nonzero()[:, 0]
        if len(index) == 0:
            break
        d = f.sdf(origin + t[index, None] * directions[index])[:, 0]
        arrived = d.abs() < 5e-5
        hit[index[arrived]] = True
        t[index] = torch.where(arrived, t[index], t[index] + d)
        active[index] = ~arrived & (t[index] < far[index])
    index = (active & ~hit).nonzero()[:, 0]
    if len(index) > 0:
        s = torch.linspace(0, 1, 100)
        samples = near[index, None] + s * (far - near)[index, None]
        points = origin + samples[..., None] * directions[index, None]
        d = torch.cat([f.sdf(p)[:, 0] for p in points.reshape(-1, 3).split(100000)]).reshape(samples.shape)
        negative = d < 0
        first = negative.float().argmax(1)
        crosses = negative.any(1) & (first > 0)
        index, first, samples, d = index[crosses], first[crosses], samples[crosses], d[crosses]
        rows = torch.arange(len(index))
        low, high = samples[rows, first - 1], samples[rows, first]
        d_low, d_high = d[rows, first - 1], d[rows, first]
        for _ in range(8):
            middle = low - d_low * (high - low) / (d_high - d_low)
            value = f.sdf(origin + middle[:, None] * directions[index])[:, 0]
            front = value > 0
            low, d_low = torch.where(front, middle, low), torch.where(front, value, d_low)
            high, d_high = torch.where(front, high, middle), torch.where(front, d_high, value)
        t[index], hit[index] = low - d_low * (high - low) / (d_high - d_low), True
    return t, hit


class Peer:
    def __init__(self, problem, settings):
        self.settings = settings
        data = np.load(problem)
        for name in ("origin", "directions", "colours", "weights", "points", "distance"):
            setattr(self, name, torch.from_numpy(data[name].astype(np.float32)))
        self.random = torch.Generator().manual_seed(settings["seed"])
        torch.manual_seed(settings["seed"])
        self.f = Geometry(settings["geometry"])
        self.g = Renderer(settings["geometry"], settings["renderer"])
        self.order, self.at = torch.empty(0, dtype=torch.long), 0

    def coarse(self, steps):
        o = self.settings["coarse"]
        adam = torch.optim.Adam(self.f.parameters(), lr=o["learningRate"])
        start, error = time.perf_counter(), 0.0
        for i in range(steps):
            for group in adam.param_groups:
                group["lr"] = o["learningRate"] * 10 ** -max(0.0, 2 * i / steps - 1)
            pick = torch.randint(len(self.points), (o["batch"],), generator=self.random)
            out, gradient = self.f.with_gradient(self.points[pick])
            difference = (out[:, 0] - self.distance[pick]).abs().mean()
            loss = difference + o["eikonalWeight"] * ((gradient.norm(dim=1) - 1) ** 2).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            error = difference.item() if i == 0 else error + 0.1 * (difference.item() - error)
        return {"seconds": time.perf_counter() - start, "error": error}

    def start(self):
        parameters = [*self.f.parameters(), *self.g.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=self.settings["detail"]["learningRate"])

    def batch(self):
        rays = self.settings["detail"]["rays"]
        if self.at + rays > len(self.order):
            self.order, self.at = torch.randperm(len(self.directions), generator=self.random), 0
        pick = self.order[self.at : self.at + rays]
        self.at += rays
        return pick

    def step(self):
        """One step; answers seconds of all, seconds of tracing, and the loss."""
        o = self.settings["detail"]
        begin = time.perf_counter()
        pick = self.batch()
        v = self.directions[pick]
        t, hit = trace(self.f, self.origin, v)
        traced = time.perf_counter()
        near = torch.randint(len(self.points), (o["points"],), generator=self.random)
        x0 = self.origin + t[:, None] * v
        out, gradient = self.f.with_gradient(torch.cat([x0, self.points[near]]))
        rays = len(pick)
        slope = (gradient[:rays].detach() * v).sum(1, keepdim=True).clamp_max(-0.15)
        # x(theta) = x0 - v (f(x0) - f0) / (grad f0 . v): the value of x0, the derivative of the true hit
        moving = x0.detach() - v * (out[:rays, :1] - out[:rays, :1].detach()) / slope
        normal = nn.functional.normalize(gradient[:rays], dim=1)
        colour = self.g(moving, normal, v, out[:rays, 1:])
        weight = self.weights[pick] * hit
        photometric = ((colour - self.colours[pick]).abs() * weight[:, None]).sum() / (3 * weight.sum() + 1e-6)
        eikonal = ((gradient.norm(dim=1) - 1) ** 2).mean()
        distance = (out[rays:, 0] - self.distance[near]).abs().mean()
        loss = photometric + o["eikonalWeight"] * eikonal + o["sdfWeight"] * distance
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return time.perf_counter() - begin, traced - begin, loss.item()

    def steps(self, count):
        rows = [self.step() for _ in range(count)]
        return dict(zip(("seconds", "tracing", "loss"), map(list, zip(*rows))))


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("problem", help=".npz that the engine exports")
    options.add_argument("settings", help="JSON of the engine's settings")
    options.add_argument("--threads", type=int, required=True)
    o = options.parse_args()
    torch.set_num_threads(o.threads)
    # Denormal numbers in softplus's tails would cost a hundred cycles each.
    torch.set_flush_denormal(True)
    with open(o.settings, encoding="utf8") as file:
        peer = Peer(o.problem, json.load(file))
    about = [line.strip(" -") for line in torch.__config__.show().split("\n") if "MKL" in line or "capability" in line or "OpenBLAS" in line]
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "build": [a for a in about if len(a) < 120]}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "quit":
            break
        if order["do"] == "coarse":
            answer = peer.coarse(order["steps"])
            peer.start()
        else:
            answer = peer.steps(order["steps"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
