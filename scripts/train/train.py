"""Trains the evidence network on portraits that are rendered while it learns; goes on from a checkpoint.

Example:
    python scripts/train/train.py --baked .cache/train/baked -o .cache/train/run --minutes 8

On a GPU pictures are rendered all the time; a store of the last thousands is drawn from. Without one, rendering a picture takes seconds, so
the store fills slowly. Writes network.pt, average.pt (the one to use), optimiser.pt, done.json, curve.csv; goes on from
them when started again. export.py makes the ONNX file.
"""
import argparse
import csv
import json
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

from head import Head
from network import Network, split
from photo import blur
from portrait import LABELS
from samples import Samples

# Rare classes count more.
CLASS_WEIGHTS = [0.6, 0.7, 1.5, 1.5, 2.0, 2.0, 1.0, 1.5, 2.0, 1.2]


def losses(out, s):
    """Named losses of a batch."""
    part = split(out.float())
    weights = torch.tensor(CLASS_WEIGHTS, device=out.device)
    labels = F.cross_entropy(part['labels'], s['labels'].long(), weights)
    coarse = s['inputs'][:, 3:6].float()
    face, skin = s['face'].float(), s['skin'].float()
    # Under hair and glasses the skin is guessed: it counts less.
    weight = face * (0.25 + 0.75 * skin)
    mean = lambda x, w=weight: (x * w).sum() / w.sum().clamp(min=1)
    normals = F.normalize(coarse + part['normals'], dim=1)
    truth = s['normals'].float()
    error = (normals - truth).square().sum(1, keepdim=True)
    high = lambda n, sigma: n - blur(n, sigma)
    seen = face * skin
    fine = sum(mean((high(normals * face, k) - high(truth * face, k)).abs().sum(1, keepdim=True), seen) for k in (2.0, 6.0))
    doubt = part['doubt'].clamp(-8, 4)
    sure = mean(error.detach() * torch.exp(-doubt) + doubt)
    log_albedo = torch.log(s['albedo'].float())
    difference = (part['albedo'] - log_albedo)
    offset = (difference * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True).clamp(min=1)
    albedo = mean((difference - offset).abs().mean(1, keepdim=True), seen) + mean(high((difference - offset) * seen, 3.0).abs().mean(1, keepdim=True), seen)
    region = s['region'].float()
    off = part['move'] - s['move'].float()
    moved = [off[:, :2].square().sum(1, keepdim=True).add(1e-4).sqrt(), off[:, 2:].abs()]
    doubts = part['moveDoubt'].clamp(-5, 4)
    care = region * s['care'].float()
    move = sum(mean(m * torch.exp(-d) + d, care) for m, d in zip(moved, doubts.split(1, 1)))
    return {'labels': labels, 'normals': mean((error + 1e-5).sqrt()), 'fine': fine, 'sure': sure, 'albedo': albedo, 'move': move}, \
        {'degrees': mean(torch.rad2deg(2 * torch.asin((error.clamp(max=4).sqrt() / 2))), seen),
         'coarseDegrees': mean(torch.rad2deg(torch.acos((coarse * truth).sum(1, keepdim=True).clamp(-1, 1))), seen),
         'movePx': 4 * mean(moved[0], region), 'fitPx': 4 * mean(s['move'][:, :2].float().norm(dim=1, keepdim=True), region),
         'openingPx': 4 * mean(moved[0], (care > 2).float()), 'fitOpeningPx': 4 * mean(s['move'][:, :2].float().norm(dim=1, keepdim=True), (care > 2).float()),
         'depthPx': 4 * mean(moved[1], region), 'fitDepthPx': 4 * mean(s['move'][:, 2:].float().abs(), region),
         'iou': iou(part['labels'].argmax(1), s['labels'].long())}


WEIGHTS = {'labels': 0.5, 'normals': 1.0, 'fine': 1.5, 'sure': 0.1, 'albedo': 0.25, 'move': 0.5}


def iou(found, truth):
    both = torch.bincount((truth * len(LABELS) + found).flatten(), minlength=len(LABELS) ** 2).reshape(len(LABELS), -1).float()
    hit = both.diag()
    union = both.sum(0) + both.sum(1) - hit
    there = both.sum(1) > 0
    return (hit / union.clamp(min=1))[there].mean()


# Channels that point sideways.
MIRRORED = {'inputs': [3, 8], 'normals': [0], 'move': [0]}


class Store:
    """The last samples, on the device, drawn from at random."""

    def __init__(self, capacity):
        self.capacity, self.filled, self.at, self.tensors = capacity, 0, 0, None

    def add(self, samples):
        compact = {k: v if v.dtype in (torch.uint8, torch.bool) else v.half() for k, v in samples.items()}
        if self.tensors is None:
            self.tensors = {k: torch.empty((self.capacity, *v.shape[1:]), dtype=v.dtype, device=v.device) for k, v in compact.items()}
        n = len(compact['labels'])
        places = torch.arange(self.at, self.at + n) % self.capacity
        for k, v in compact.items():
            self.tensors[k][places.to(v.device)] = v
        self.at = (self.at + n) % self.capacity
        self.filled = min(self.capacity, self.filled + n)

    def draw(self, batch):
        """A batch, half of it in the mirror."""
        pick = torch.randint(0, self.filled, (batch,), device=self.tensors['labels'].device)
        out = {k: v[pick] for k, v in self.tensors.items()}
        half = batch // 2
        for k, v in out.items():
            v[:half] = v[:half].flip(-1)
            if k in MIRRORED:
                v[:half, MIRRORED[k]] *= -1
        return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--baked', default='.cache/train/baked')
    p.add_argument('-o', '--output', default='.cache/train/run')
    p.add_argument('--minutes', type=float, default=8)
    p.add_argument('--batch', type=int, default=32)
    p.add_argument('--fresh', type=int, default=16, help='pictures rendered before each step')
    p.add_argument('--store', type=int, default=3000, help='pictures kept')
    p.add_argument('--validation', type=int, default=64)
    p.add_argument('--rate', type=float, default=2e-3)
    p.add_argument('--every', type=float, default=45, help='seconds between checkpoints')
    p.add_argument('--seed', type=int, default=7)
    p.add_argument('--start', default=Path(__file__).parent / 'weights', help='folder of average.pt and done.json to begin a new run with; none: from nothing')
    a = p.parse_args()
    start = time.time()
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    gpu = device.type == 'cuda'
    out = Path(a.output)
    out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    samples = Samples(Head(a.baked, device))
    network = Network().to(device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), a.rate, weight_decay=0.02, betas=(0.9, 0.99))
    done = {'step': 0, 'seconds': 0.0, 'pictures': 0}
    resumed, begun = (out / 'done.json').exists(), Path(a.start)
    load = lambda file: {k: v.float() if v.is_floating_point() else v for k, v in torch.load(file, map_location=device, weights_only=True).items()}
    if not resumed and (begun / 'done.json').exists():
        weights = load(begun / 'average.pt')
        average.load_state_dict(weights)
        network.load_state_dict({k.removeprefix('module.'): v for k, v in weights.items() if k != 'n_averaged'})
        done = json.loads((begun / 'done.json').read_text())
    if resumed:
        network.load_state_dict(load(out / 'network.pt'))
        average.load_state_dict(load(out / 'average.pt'))
        if (out / 'optimiser.pt').exists():
            optimiser.load_state_dict(torch.load(out / 'optimiser.pt', map_location=device, weights_only=True))
        done = json.loads((out / 'done.json').read_text())
    torch.manual_seed(1)
    with torch.no_grad():
        validation = [samples.draw(min(16, a.validation)) for _ in range(max(1, a.validation // 16))]
    torch.manual_seed(a.seed + done['step'])
    store = Store(a.store)
    before, last = done['seconds'], time.time()
    print(f'{device}, {sum(q.numel() for q in network.parameters())} parameters, ready after {time.time() - start:.0f} s', flush=True)

    def save():
        nonlocal last
        last = time.time()
        done['seconds'] = before + time.time() - start
        moments = optimiser.state_dict()
        # Moments in 16 bits: half the file, and precise enough to go on from.
        short = lambda name, t: t.bfloat16() if name.startswith('exp_avg') else t
        moments['state'] = {k: {name: short(name, t) for name, t in state.items()} for k, state in moments['state'].items()}
        for name, tensors in (('network', network.state_dict()), ('average', average.state_dict()), ('optimiser', moments)):
            torch.save(tensors, out / f'{name}.tmp')
            (out / f'{name}.tmp').rename(out / f'{name}.pt')
        (out / 'done.json').write_text(json.dumps(done))
        average.eval()
        with torch.no_grad():
            figures = [losses(average(v['inputs']), v) for v in validation]
        row = {k: float(sum(f[i][k] for f in figures) / len(figures)) for i in (0, 1) for k in figures[0][i]}
        row = {**done, 'seconds': round(done['seconds']), **{k: round(v, 4) for k, v in row.items()}}
        file = out / 'curve.csv'
        new = not file.exists()
        with open(file, 'a', newline='') as f:
            w = csv.DictWriter(f, row)
            if new:
                w.writeheader()
            w.writerow(row)
        print(row, flush=True)

    network.train()
    total = a.minutes * 60
    steps = 2 if gpu else 1
    clock = {'render': 0.0, 'train': 0.0, 'rounds': 0}
    first = done['step']

    def timed(name, work):
        before = time.time()
        work()
        if gpu:
            torch.cuda.synchronize()
        clock[name] += time.time() - before

    def render():
        with torch.no_grad():
            store.add(samples.draw(a.fresh))

    def learn():
        for _ in range(steps):
            s = store.draw(min(a.batch, store.filled))
            with torch.autocast(device.type, torch.bfloat16, enabled=gpu):
                prediction = network(s['inputs'].float().contiguous(memory_format=torch.channels_last))
            terms, _ = losses(prediction, s)
            loss = sum(WEIGHTS[k] * v for k, v in terms.items())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            average.update_parameters(network)
            done['step'] += 1

    while (elapsed := time.time() - start) < total:
        timed('render', render)
        done['pictures'] += a.fresh
        if store.filled < 8 * a.batch and gpu:
            continue
        for group in optimiser.param_groups:
            warm = min(1, (done['step'] - first + 1) / 150)
            group['lr'] = a.rate * warm * max(0.02, 1 - elapsed / total)
        timed('train', learn)
        clock['rounds'] += 1
        if clock['rounds'] == 12:
            # Two thirds of the time for learning.
            one = {k: clock[k] / clock['rounds'] for k in ('render', 'train')}
            if gpu:
                steps = max(1, min(10, round(2 * one['render'] / (one['train'] / steps))))
            print(f'rendering {a.fresh} takes {one["render"]:.3f} s, a round of learning {one["train"]:.3f} s; {steps} steps a round', flush=True)
        if time.time() - last > a.every:
            save()
    save()


if __name__ == '__main__':
    main()
