"""Portraits of made-up people, many at a time: pictures, and what is true of every pixel."""
import math

import torch
import torch.nn.functional as F

import raster
from hair import Hair
from head import Cameras, chance, normal, uniform, unit
from light import LAMP_MAP, Light, ShadowMaps
from photo import blur, take, to_linear
from props import Glasses, Shells, Shirt, Things

LABELS = ['background', 'skin', 'lips', 'brow', 'eye', 'mouth', 'hair', 'beard', 'glasses', 'cover']
BACKGROUND, SKIN, LIPS, BROW, EYE, MOUTH, HAIR, BEARD, GLASSES, COVER = range(10)
# Kinds of surface, in the order of the scene's meshes.
HEAD, BALL, INSIDE, STRAND, WHISKER, FRAME, SHELL, THING, CLOTH = range(9)
KIND_LABELS = [SKIN, EYE, MOUTH, HAIR, BEARD, GLASSES, COVER, COVER, BACKGROUND]
HEIGHT_RANGE = 0.002


def vertex_normals(vertices, faces):
    """[B, V, 3] area-weighted."""
    corners = faces.long()
    a, b, c = (vertices[:, corners[:, k]] for k in range(3))
    n = torch.cross(b - a, c - a, dim=-1)
    out = torch.zeros_like(vertices)
    for k in range(3):
        out.index_add_(1, corners[:, k], n)
    return unit(out)


class Portraits:
    def __init__(self, head, size=256, supersampling=2):
        self.head, self.size, self.supersampling = head, size, supersampling
        self.hair, self.glasses, self.shells = Hair(head), Glasses(head), Shells(head)
        self.things, self.shirt = Things(head), Shirt(head)
        device = head.device
        count = len(head.mean)
        offsets, faces, kinds, at = [], [], [], 0

        def add(these, size, kind, shared=None):
            nonlocal at
            start = at if shared is None else shared
            offsets.append(start)
            faces.append(these.to(device) + start)
            kinds.append(torch.full((len(these),), kind, device=device))
            if shared is None:
                at += size

        add(head.skin_faces, count, HEAD)
        add(head.ball_faces, 0, BALL, shared=0)
        add(head.interior_faces, len(head.interior_mean), INSIDE)
        add(self.hair.strands.faces, self.hair.strands.count * 18, STRAND)
        add(self.hair.beard.faces, self.hair.beard.count * 18, WHISKER)
        add(self.glasses.faces, self.glasses.count, FRAME)
        add(self.shells.faces, self.shells.count, SHELL)
        add(self.things.faces, self.things.count, THING)
        add(self.shirt.faces, self.shirt.count, CLOTH)
        self.faces = torch.cat(faces).int()
        self.kinds = torch.cat(kinds)
        self.kind_labels = torch.tensor(KIND_LABELS, device=device)
        self.count = at
        iris = (head.mean[head.triangles[head.landmark_triangles].long()] * head.landmark_weights[..., None]).sum(1)
        self.irises = iris[[468, 473]]

    def textures(self, batch):
        """Chart pictures [B, 5, H, W]: linear albedo and the height's slope (metres a pixel along x and y); and looks."""
        head, device = self.head, self.head.device
        pick = lambda: torch.randint(0, len(head.people), (batch,)).tolist()
        albedo, heights, looks = [], [], []
        for i, j, k in zip(pick(), pick(), pick()):
            people = head.people
            albedo.append(people[i]['albedo'])
            looks.append(people[i])
            pair = [people[j]['height'].float() / 127.5 - 1, people[k]['height'].float().flip(1) / 127.5 - 1]
            pair = [h.sign() * h * h * HEIGHT_RANGE for h in pair]
            a, b = torch.rand(2).tolist()
            heights.append((0.4 + 1.3 * a) * pair[0] + (b < 0.4) * 0.8 * pair[1])
        albedo = to_linear(torch.stack(albedo).permute(0, 3, 1, 2).float() / 255)
        flip = chance(0.5, batch, device).view(-1, 1, 1, 1)
        albedo = torch.where(flip, albedo.flip(3), albedo)
        height = torch.stack(heights)[:, None]
        # Complexions between and beyond the painted ones.
        tone = torch.exp(normal((batch, 1, 1, 1), device, 0.25) + normal((batch, 3, 1, 1), device, 0.06))
        albedo = (albedo * tone).clamp(0.004, 0.95)
        albedo = self.make_up(albedo)
        gx = F.pad(height[..., 2:] - height[..., :-2], (1, 1, 0, 0)) / 2
        gy = F.pad(height[..., 2:, :] - height[..., :-2, :], (0, 0, 1, 1)) / 2
        return torch.cat([albedo, gx, gy], 1), looks

    def make_up(self, albedo):
        """Lipstick, shadow and lines about the eyes, rouge, tattoos and paint: colour without shape."""
        batch, _, height, width = albedo.shape
        device = albedo.device
        y, x = torch.meshgrid(torch.arange(height, device=device) * 280 / 512, torch.arange(width, device=device) * 280 / 512, indexing='ij')
        u, v = x - 140, 115 - y
        spot = lambda cu, cv, ru, rv: torch.exp(-(((u.abs() - cu) / ru) ** 2) - ((v - cv) / rv) ** 2)
        def paint(mask, p, strength, low=0.01, high=0.6, reddish=False):
            nonlocal albedo
            on = chance(p, batch, device).view(-1, 1, 1, 1) * uniform(0.2, strength, (batch, 1, 1, 1), device)
            any_colour = uniform(low, high, (batch, 3, 1, 1), device)
            red = uniform(low, high, (batch, 1, 1, 1), device) * torch.tensor([1.0, 0.25, 0.3], device=device).view(1, 3, 1, 1)
            colour = torch.where(chance(0.75 if reddish else 0, batch, device).view(-1, 1, 1, 1), red, any_colour)
            albedo = torch.lerp(albedo, colour.expand_as(albedo), (on * mask).clamp(0, 1))
        paint((self.head.labels == 2).float()[None, None], 0.3, 0.8, reddish=True)
        paint(spot(30, 6, 17, 5)[None, None], 0.25, 0.9, 0.005, 0.4)
        paint((torch.exp(-((((u.abs() - 30) / 15) ** 2 + ((v + 1) / 6) ** 2).sqrt() - 1) ** 2 / 0.03))[None, None], 0.2, 0.9, 0.003, 0.05)
        paint(spot(42, -38, 15, 12)[None, None], 0.15, 0.4, reddish=True)
        # Waves thresholded to shapes with sharp edges.
        k = normal((batch, 2, 1, 1, 1), device, 0.12)
        wave = torch.sin(k[:, 0] * u + k[:, 1] * v + uniform(0, 6, (batch, 1, 1, 1), device)) * torch.sin(k[:, 1] * u - k[:, 0] * v)
        paint((wave > uniform(0.3, 0.9, (batch, 1, 1, 1), device)).float(), 0.05, 1.0)
        return albedo

    def eye_colour(self, place, looks):
        """[B, H, W, 3] linear colour of the eyeballs at places of the mean head."""
        left = (place[..., 0] > 0).float()[..., None]
        centre = self.irises[0] * (1 - left) + self.irises[1] * left
        r = 1000 * (place - centre).norm(dim=-1, keepdim=True)
        device = place.device
        iris = torch.tensor([look['iris'] for look in looks], device=device).view(-1, 1, 1, 3)
        batch = len(looks)
        pupil = uniform(1.3, 3.2, (batch, 1, 1, 1), device)
        white = torch.tensor([0.62, 0.56, 0.52], device=device) * torch.sigmoid((13 - r) / 1.5) * uniform(0.7, 1.15, (batch, 1, 1, 1), device)
        limb = torch.sigmoid((5.5 - r) / 0.25)
        colour = iris * (0.5 + 0.5 * torch.sigmoid((4.8 - r) / 0.3)) * torch.sigmoid((r - pupil) / 0.15) + 0.006
        return white + (colour - white) * limb

    def render(self, batch):
        """Draws people and renders them. Everything needed to fit heads to the pictures and to learn from them."""
        head, device, size, ss = self.head, self.head.device, self.size, self.supersampling
        identity, expression = head.draw_identity(batch), head.draw_expression(batch)
        bend = head.bend(batch)
        shaped = head.pose(identity, expression) + bend[:, :len(head.mean)]
        interior = head.pose_interior(identity, expression) + bend[:, len(head.mean):]
        cameras = Cameras(head, shaped, size)
        landmarks = head.landmarks(shaped)
        eye = -(cameras.rotation.transpose(1, 2) @ cameras.translation[..., None])[..., 0]
        normals = vertex_normals(shaped, head.skin_faces)
        textures, looks = self.textures(batch)
        skin_tone = textures[:, :3].mean((2, 3))
        strands, tangents, strand_colours, cap = self.hair.draw(shaped, eye)
        whiskers, whisker_tangents, whisker_colours = self.hair.draw_beard(shaped, eye)
        frames, frame_colours = self.glasses.draw(landmarks)
        shells, shell_colours = self.shells.draw(shaped, normals)
        things, thing_colours = self.things.draw(landmarks, skin_tone)
        shirt, shirt_colours = self.shirt.draw(batch)
        meshes = [shaped, interior, strands, whiskers, frames, shells, things, shirt]
        vertices = cameras.to_camera(torch.cat(meshes, 1))
        colours = torch.cat([torch.zeros_like(shaped), head.interior_colours(batch), strand_colours, whisker_colours, frame_colours, shell_colours, thing_colours, shirt_colours], 1)
        all_normals = vertex_normals(vertices, self.faces)
        first = len(head.mean) + len(head.interior_mean)
        hairs = slice(first, first + strands.shape[1] + whiskers.shape[1])
        turn = lambda v: (cameras.rotation @ v.transpose(1, 2)).transpose(1, 2)
        hair_tangents = turn(torch.cat([tangents, whisker_tangents], 1))
        # Ribbons have no side of their own: they are lit by what stands across their tangent towards the light, about the outward direction.
        middle = cameras.to_camera(torch.zeros(batch, 1, 3, device=device))
        outward = unit(vertices[:, hairs] - middle)
        all_normals[:, hairs] = unit(outward - (outward * hair_tangents).sum(-1, keepdim=True) * hair_tangents)

        screen = cameras.project(vertices)
        fine = torch.cat([screen[..., :2] * ss, screen[..., 2:]], -1)
        triangle, _ = raster.rasterize(fine, self.faces, size * ss, size * ss)
        weights = raster.barycentric(fine, self.faces, triangle)
        light = Light(batch, device, turn(torch.tensor([0.0, 1, 0], device=device).expand(batch, 1, 3))[:, 0])
        irradiance, slope = light.receive(vertices, all_normals, self.faces, middle)
        attributes = torch.cat([all_normals, colours, irradiance, slope], -1)
        seen = raster.interpolate(attributes, self.faces, triangle, weights)
        position = raster.interpolate(vertices, self.faces, triangle, weights)
        # The head's own fields; other meshes read the head's first vertex, which is not used.
        on_head = torch.where(self.faces.long() < len(head.mean), self.faces.long(), 0).int()
        fields = torch.cat([head.chart.expand(batch, -1, -1), head.mean.expand(batch, -1, -1), cap[..., None]], -1)
        own = raster.interpolate(fields, on_head, triangle, weights)
        inside = triangle >= 0
        kind = torch.where(inside, self.kinds[triangle.clamp(min=0)], -1)
        chart = F.grid_sample(textures, own[..., :2], mode='bilinear', padding_mode='border', align_corners=False).permute(0, 2, 3, 1)
        normal_map = self.bump(seen[..., :3], chart[..., 3:], vertices, self.faces, triangle, head)
        is_head = (kind == HEAD)[..., None]
        covered = own[..., 5:6] * is_head
        normal_map = torch.where(is_head & (covered < 0.5), normal_map, unit(seen[..., :3]))
        facing = -(normal_map * position).sum(-1, keepdim=True)
        normal_map = torch.where((facing < 0) & ~is_head, -normal_map, normal_map)

        hair_colour = self.hair.colour[:, None, None]
        streak = 0.75 + 0.5 * torch.rand(batch, size * ss, size * ss, 1, device=device)
        albedo = torch.where(is_head, torch.lerp(chart[..., :3], hair_colour * streak, covered), seen[..., 3:6])
        albedo = torch.where((kind == BALL)[..., None], self.eye_colour(own[..., 2:5], looks), albedo)

        colour = self.shade(light, vertices, position, normal_map, seen[..., :3], albedo, seen[..., 6:9], seen[..., 9:12], kind, covered, middle, looks, inside)
        labels = self.label(kind, own, covered)
        linear = torch.where(inside[..., None], colour, self.backdrop(batch))
        pooled = lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), ss)
        face = pooled(((labels == SKIN) | (labels == LIPS))[..., None].float())
        image = take(pooled(linear), (face > 0.5).float())
        votes = F.avg_pool2d(F.one_hot(labels, len(LABELS)).permute(0, 3, 1, 2).float(), ss)
        truth = self.face_truth(vertices, fine, textures)
        return {
            'image': image, 'labels': votes.argmax(1), **truth,
            'identity': identity, 'expression': expression, 'cameras': cameras, 'landmarks': cameras.project(cameras.to_camera(landmarks)),
            'vertices': vertices[:, :len(head.mean)], 'glasses': self.glasses.worn,
        }

    def bump(self, normals, slopes, vertices, faces, triangle, head):
        """Unit normals with the relief's slope (metres a chart pixel along x and y)."""
        batch, height, width = triangle.shape
        rows = raster.corners_of(faces, triangle, vertices.shape[1])
        points = vertices.flatten(0, 1)[rows].reshape(batch, height, width, 3, 3)
        scale = torch.tensor([self.head.labels.shape[1], self.head.labels.shape[0]], device=vertices.device) / 2
        own = (rows % vertices.shape[1]).clamp(max=len(head.mean) - 1)
        places = (head.chart * scale)[own].reshape(batch, height, width, 3, 2)
        e1, e2 = points[..., 1, :] - points[..., 0, :], points[..., 2, :] - points[..., 0, :]
        n = torch.cross(e1, e2, dim=-1)
        area = (n * n).sum(-1, keepdim=True).clamp(min=1e-20)
        d1, d2 = places[..., 1, :] - places[..., 0, :], places[..., 2, :] - places[..., 0, :]
        tilt = 0
        for k in range(2):
            gradient = torch.cross(n, d2[..., k:k + 1] * e1 - d1[..., k:k + 1] * e2, dim=-1) / area
            tilt = tilt + slopes[..., k:k + 1] * gradient
        return unit(unit(normals) - tilt.clamp(-3, 3))

    def shade(self, light, vertices, position, n, smooth, albedo, surround, slope, kind, covered, middle, looks, inside):
        """[B, H, W, 3] linear light towards the camera."""
        batch, height, width, _ = n.shape
        flat = position.reshape(batch, -1, 3)
        change = ((n - unit(smooth)) * slope).sum(-1, keepdim=True)
        green = surround[..., 1:2].clamp(min=1e-4)
        diffuse = surround * (1 + change / green).clamp(0.2, 2.5)
        view = unit(-position)
        maps = ShadowMaps(vertices, self.faces, light.lamps, middle, LAMP_MAP)
        lit = maps.lit(flat + 0.0015 * smooth.reshape(batch, -1, 3), 0.003, light.softness).reshape(batch, -1, height, width)
        skin = ((kind == HEAD)[..., None] & (covered < 0.5)).float()
        wet = ((kind == BALL) | (kind == INSIDE))[..., None].float()
        oil = torch.tensor([look['oil'] for look in looks], device=n.device).view(-1, 1, 1, 1) * uniform(0.4, 2.2, (batch, 1, 1, 1), n.device)
        rough = uniform(0.2, 0.42, (batch, 1, 1, 1), n.device)
        gloss = 0
        for l in range(light.lamps.shape[1]):
            d = light.lamps[:, l].view(batch, 1, 1, 3)
            cosine = (n * d).sum(-1, keepdim=True)
            reach = light.strength[:, l].view(batch, 1, 1, 3) * lit[:, l, :, :, None]
            diffuse = diffuse + cosine.clamp(min=0) * reach
            half = unit(d + view)
            nh, nv, hv = ((n * x).sum(-1, keepdim=True).clamp(1e-3, 1) for x in (half, view, half))
            hv = (view * half).sum(-1, keepdim=True).clamp(0, 1)
            fresnel = 0.034 + 0.966 * (1 - hv) ** 5
            lobe = 0
            for alpha, share in ((rough, 0.75), (rough * 0.4, 0.25)):
                a = torch.where(wet > 0, 0.004, alpha * alpha)
                lobe = lobe + share * a / (math.pi * (nh * nh * (a - 1) + 1) ** 2)
            shine = torch.where(wet > 0, 1.0, oil * skin + 0.06)
            gloss = gloss + shine * reach * fresnel * lobe / (4 * nv.clamp(min=0.2)) * cosine.clamp(min=0) * math.pi
        mirrored = unit(2 * (n * view).sum(-1, keepdim=True) * n - view)
        nv = (n * view).sum(-1, keepdim=True).clamp(0, 1)
        fresnel = 0.034 + 0.966 * (1 - nv) ** 5
        around = light.reflect(mirrored.reshape(batch, -1, 3)).reshape(batch, height, width, 3)
        openness = (surround.mean(-1, keepdim=True) / 0.6).clamp(0, 1)
        gloss = gloss + (skin * 0.7 * oil + wet) * fresnel * around * openness
        diffuse = self.scatter(diffuse, skin)
        return albedo * diffuse + gloss

    def scatter(self, diffuse, skin):
        """Light wanders through skin: red by 1.6 mm, green by 0.7, blue by 0.45, roughly."""
        x, m = (diffuse * skin).permute(0, 3, 1, 2), skin.permute(0, 3, 1, 2)
        pixels = self.size * self.supersampling / 190  # a millimetre
        strength = float(uniform(0.5, 1.2, (), 'cpu'))
        out = []
        for c, mm in enumerate((1.6, 0.7, 0.45)):
            sigma = max(0.4, mm * pixels * strength)
            both = blur(torch.cat([x[:, c:c + 1], m], 1), sigma)
            out.append(both[:, :1] / both[:, 1:].clamp(min=1e-3))
        return torch.where(skin > 0.5, torch.cat(out, 1).permute(0, 2, 3, 1), diffuse)

    def label(self, kind, own, covered):
        labels = torch.where(kind >= 0, self.kind_labels[kind.clamp(min=0)], BACKGROUND)
        height, width = self.head.labels.shape
        x = ((own[..., 0] + 1) / 2 * width).long().clamp(0, width - 1)
        y = ((own[..., 1] + 1) / 2 * height).long().clamp(0, height - 1)
        chart = self.head.labels[y, x].long()
        # The chart's 1, 2, 3 are skin, lips and brow.
        labels = torch.where(kind == HEAD, chart, labels)
        return torch.where((kind == HEAD) & (covered[..., 0] > 0.5), torch.full_like(labels, HAIR), labels)

    def face_truth(self, vertices, fine, textures):
        """The skin itself, whatever stands before it: normals, albedo and where the face region is, at the picture's size."""
        head, size, ss = self.head, self.size, self.supersampling
        count = len(head.mean)
        faces = head.skin_faces
        screen = fine[:, :count].contiguous()
        triangle, depth = raster.rasterize(screen, faces, size * ss, size * ss)
        weights = raster.barycentric(screen, faces, triangle)
        smooth = vertex_normals(vertices[:, :count], faces)
        seen = raster.interpolate(torch.cat([smooth, head.chart.expand(len(smooth), -1, -1)], -1), faces, triangle, weights)
        chart = F.grid_sample(textures, seen[..., 3:5], mode='bilinear', padding_mode='border', align_corners=False).permute(0, 2, 3, 1)
        n = self.bump(seen[..., :3], chart[..., 3:], vertices, faces, triangle, head)
        inside = (triangle >= 0)[..., None].float()
        pooled = lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), ss)
        share = pooled(inside)
        return {
            'normals': F.normalize(pooled(n * inside), dim=1),
            'smooth': F.normalize(pooled(unit(seen[..., :3]) * inside), dim=1),
            'albedo': pooled(chart[..., :3] * inside) / share.clamp(min=1e-3),
            'inside': share[:, 0] > 0.5,
            'depth': pooled((depth * inside[..., 0])[..., None])[:, 0] / share[:, 0].clamp(min=1e-3),
        }

    def backdrop(self, batch):
        device, n = self.head.device, self.size * self.supersampling
        picture = 0
        for cells, weight in ((2, 1.0), (5, 0.7), (14, 0.4), (60, 0.12)):
            coarse = torch.exp(normal((batch, 3, cells, cells), device, 0.6))
            picture = picture + weight * F.interpolate(coarse, size=(n, n), mode='bicubic', align_corners=False)
        level = torch.exp(uniform(math.log(0.02), math.log(0.7), (batch, 1, 1, 1), device))
        plain = chance(0.25, batch, device).view(-1, 1, 1, 1)
        tint = torch.exp(normal((batch, 3, 1, 1), device, 0.25))
        return (level * tint * torch.where(plain, torch.ones_like(picture), picture / 2.2)).permute(0, 2, 3, 1).clamp(min=0)
