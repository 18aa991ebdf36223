/** Hairs thinner than a texel, drawn in a texture. */

/** Texels over which a hair's edge is soft. */
const SOFT = 0.7

/** Texels: from where and along what, and the area that it hides; how much of what is behind. */
export interface Line {
  x: number
  y: number
  dx: number
  dy: number
  area: number
  strength: number
}

/** Draws it softly, and for what it is wider by that, as much fainter. */
export function drawLine(
  { albedo, size }: { albedo: Float32Array; size: number },
  hair: readonly number[],
  { x, y, dx, dy, area, strength }: Line,
): void {
  const long = Math.hypot(dx, dy)
  if (!(long > 0)) return
  const soft = 0.5 * (area / long) + SOFT
  const nx = dx / long
  const ny = dy / long
  const peak = strength * Math.min(1, area / (soft * (long + soft)))
  const left = Math.max(0, Math.floor(Math.min(x, x + dx) - soft))
  const right = Math.min(size - 1, Math.floor(Math.max(x, x + dx) + soft))
  const top = Math.max(0, Math.floor(Math.min(y, y + dy) - soft))
  const bottom = Math.min(size - 1, Math.floor(Math.max(y, y + dy) + soft))
  for (let j = top; j <= bottom; j++)
    for (let i = left; i <= right; i++) {
      const qx = i + 0.5 - x
      const qy = j + 0.5 - y
      const along = qx * nx + qy * ny
      const across = Math.abs(qy * nx - qx * ny)
      const beyond = Math.max(0, -along, along - long)
      const near = (1 - across / soft) * (1 - beyond / soft)
      if (across >= soft || beyond >= soft) continue
      const hidden = peak * near
      const o = 3 * (j * size + i)
      albedo[o] += hidden * (hair[0] - albedo[o])
      albedo[o + 1] += hidden * (hair[1] - albedo[o + 1])
      albedo[o + 2] += hidden * (hair[2] - albedo[o + 2])
    }
}
