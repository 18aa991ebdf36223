"""Z-buffer rasteriser for batches: on the processor (numba) or on a GPU (numba.cuda), the same result.

Visibility goes by depth: every triangle offers its depth to the pixels whose centres it covers, the nearest wins; ties go to the
lower number. Both paths pack (depth, triangle) into one 64-bit key, so that the minimum decides.
"""
import functools
import math

import numba
import numpy as np
import torch
from numba import cuda

EMPTY = 0x7FFFFFFFFFFFFFFF
# Depth is kept in micrometres: an integer key needs no reinterpretation of bits.
MICROMETRES = 1e6


def _triangle(offer):
    """The body of both kernels: triangle t of picture b offers itself to the pixels it covers."""
    def draw(screen, faces, keys, b, t):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        az, bz, cz = screen[b, i, 2], screen[b, j, 2], screen[b, k, 2]
        if not (az > 1e-3 and bz > 1e-3 and cz > 1e-3):
            return
        ax, ay = screen[b, i, 0], screen[b, i, 1]
        bx, by = screen[b, j, 0], screen[b, j, 1]
        cx, cy = screen[b, k, 0], screen[b, k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            return
        x0 = max(0, int(math.ceil(min(ax, min(bx, cx)) - 0.5)))
        x1 = min(keys.shape[2] - 1, int(math.floor(max(ax, max(bx, cx)) - 0.5)))
        y0 = max(0, int(math.ceil(min(ay, min(by, cy)) - 0.5)))
        y1 = min(keys.shape[1] - 1, int(math.floor(max(ay, max(by, cy)) - 0.5)))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                e0 = ((cx - bx) * (py - by) - (cy - by) * (px - bx)) / area
                e1 = ((ax - cx) * (py - cy) - (ay - cy) * (px - cx)) / area
                e2 = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
                if e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0:
                    depth = 1.0 / (e0 / az + e1 / bz + e2 / cz)
                    offer(keys, b, y, x, (np.int64(depth * MICROMETRES) << 32) | np.int64(t))

    return draw


@numba.njit(inline='always')
def _offer_cpu(keys, b, y, x, key):
    if key < keys[b, y, x]:
        keys[b, y, x] = key


_draw_cpu_triangle = numba.njit(_triangle(_offer_cpu))


@numba.njit(parallel=True)
def _draw_cpu(screen, faces, keys):
    for b in numba.prange(keys.shape[0]):
        for t in range(faces.shape[0]):
            _draw_cpu_triangle(screen, faces, keys, b, t)


def _numba_engine():
    @cuda.jit(device=True)
    def offer(keys, b, y, x, key):
        cuda.atomic.min(keys, (b, y, x), key)

    triangle = cuda.jit(device=True)(_triangle(offer))

    @cuda.jit
    def draw(screen, faces, keys):
        t = cuda.grid(1)
        if t < faces.shape[0]:
            triangle(screen, faces, keys, cuda.blockIdx.y, t)

    def run(screen, faces, keys):
        blocks = ((faces.shape[0] + 127) // 128, keys.shape[0])
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        draw[blocks, 128, stream](*(cuda.as_cuda_array(t) for t in (screen, faces, keys)))

    return run


CUPY_SOURCE = r"""
extern "C" __global__ void draw(const float* screen, const int* faces, long long* keys, int count, int vertices, int height, int width) {
  int t = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
  if (t >= count) return;
  const float *p = screen + 3LL * (b * (long long)vertices + faces[3 * t]), *q = screen + 3LL * (b * (long long)vertices + faces[3 * t + 1]),
              *r = screen + 3LL * (b * (long long)vertices + faces[3 * t + 2]);
  if (!(p[2] > 1e-3f && q[2] > 1e-3f && r[2] > 1e-3f)) return;
  float area = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  if (area == 0.0f) return;
  int x0 = max(0, (int)ceilf(fminf(p[0], fminf(q[0], r[0])) - 0.5f)), x1 = min(width - 1, (int)floorf(fmaxf(p[0], fmaxf(q[0], r[0])) - 0.5f));
  int y0 = max(0, (int)ceilf(fminf(p[1], fminf(q[1], r[1])) - 0.5f)), y1 = min(height - 1, (int)floorf(fmaxf(p[1], fmaxf(q[1], r[1])) - 0.5f));
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) {
      float px = x + 0.5f, py = y + 0.5f;
      float e0 = ((r[0] - q[0]) * (py - q[1]) - (r[1] - q[1]) * (px - q[0])) / area;
      float e1 = ((p[0] - r[0]) * (py - r[1]) - (p[1] - r[1]) * (px - r[0])) / area;
      float e2 = ((q[0] - p[0]) * (py - p[1]) - (q[1] - p[1]) * (px - p[0])) / area;
      if (e0 >= 0.0f && e1 >= 0.0f && e2 >= 0.0f) {
        float depth = 1.0f / (e0 / p[2] + e1 / q[2] + e2 / r[2]);
        atomicMin(keys + ((long long)b * height + y) * width + x, ((long long)(depth * 1e6f) << 32) | (long long)t);
      }
    }
}
"""


def _cupy_engine():
    import cupy
    kernel = cupy.RawKernel(CUPY_SOURCE, 'draw')

    def run(screen, faces, keys):
        batch, height, width = keys.shape
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            kernel(((faces.shape[0] + 127) // 128, batch), (128,), (
                *(cupy.from_dlpack(t) for t in (screen, faces, keys)), *map(np.int32, (faces.shape[0], screen.shape[1], height, width))))

    return run


@functools.cache
def gpu_engine():
    """The first way to draw on this machine's GPU that draws what the processor draws."""
    screen = torch.rand(2, 400, 3, generator=torch.Generator().manual_seed(1))
    screen[..., :2] *= 64
    screen[..., 2] += 0.5
    faces = torch.randint(0, 400, (300, 3), generator=torch.Generator().manual_seed(2), dtype=torch.int32)
    wanted, _ = rasterize(screen, faces, 64, 64)
    problems = []
    for make in (_numba_engine, _cupy_engine):
        try:
            run = make()
            keys = torch.full((2, 64, 64), EMPTY, dtype=torch.int64, device='cuda')
            run(screen.cuda(), faces.cuda(), keys)
            found = torch.where(keys == EMPTY, -1, keys & 0xFFFFFFFF).cpu()
            wrong = int((found != wanted).sum())
            if wrong <= 4:  # ties at edges
                return run
            problems.append(f'{make.__name__}: {wrong} pixels differ')
        except Exception as error:  # noqa: BLE001: whatever fails, the next way is tried
            problems.append(f'{make.__name__}: {error!r}')
    raise RuntimeError('no way to draw on this GPU: ' + '; '.join(problems))


def rasterize(screen, faces, height, width):
    """What each pixel centre sees.

    screen: [B, V, 3] float32, pixel x and y and depth (> 0; nearer than 1 mm is dropped); faces: [F, 3] int32.
    Returns the triangle [B, height, width] int64, -1 where there is none, and its depth, 0 there.
    """
    batch = screen.shape[0]
    if screen.is_cuda:
        keys = torch.full((batch, height, width), EMPTY, dtype=torch.int64, device=screen.device)
        gpu_engine()(screen.contiguous(), faces.contiguous(), keys)
    else:
        array = np.full((batch, height, width), EMPTY, np.int64)
        _draw_cpu(np.ascontiguousarray(screen.numpy()), np.ascontiguousarray(faces.numpy()), array)
        keys = torch.from_numpy(array)
    none = keys == EMPTY
    return torch.where(none, -1, keys & 0xFFFFFFFF), torch.where(none, 0, keys >> 32) / MICROMETRES


def corners_of(faces, triangle, vertices):
    """[B H W 3] rows of flattened vertices [B V, ...] that each pixel's triangle has."""
    batch = triangle.shape[0]
    rows = faces[triangle.clamp(min=0).reshape(-1)].long().reshape(batch, -1)
    return (rows + torch.arange(batch, device=rows.device)[:, None] * vertices).reshape(-1)


def barycentric(screen, faces, triangle):
    """Perspective-correct weights [B, H, W, 3] of what `rasterize` saw; 0 off the mesh."""
    batch, height, width = triangle.shape
    points = screen.flatten(0, 1)[corners_of(faces, triangle, screen.shape[1])].reshape(batch, height, width, 3, 3)
    y, x = torch.meshgrid(torch.arange(height, device=screen.device) + 0.5, torch.arange(width, device=screen.device) + 0.5, indexing='ij')
    a, b, c = points.unbind(3)
    cross = lambda p, q: (q[..., 0] - p[..., 0]) * (y - p[..., 1]) - (q[..., 1] - p[..., 1]) * (x - p[..., 0])
    edges = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    w = edges / points[..., 2].clamp(min=1e-6)
    total = w.sum(-1, keepdim=True)
    return w / torch.where(total == 0, torch.ones_like(total), total) * (triangle >= 0)[..., None]


def interpolate(values, faces, triangle, weights):
    """Blends vertex values [B, V, C] over the picture: [B, H, W, C]."""
    batch, height, width = triangle.shape
    gathered = values.flatten(0, 1)[corners_of(faces, triangle, values.shape[1])]
    return (gathered.reshape(batch, height, width, 3, values.shape[-1]) * weights[..., None]).sum(3)
