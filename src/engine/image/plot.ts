/** Line plots as SVG: losses, error curves. No fonts needed (text.ts). */
import { textPath, textWidth } from './text.js'

/** One curve. Points with a value that is not finite (or not positive on a log axis) are left out and break the line. */
export interface PlotSeries {
  name: string
  x: ArrayLike<number>
  y: ArrayLike<number>
  /** CSS colour; a default palette is used otherwise. */
  color?: string
  dashed?: boolean
}

export interface PlotOptions {
  width?: number
  height?: number
  title?: string
  xLabel?: string
  yLabel?: string
  logY?: boolean
  /** Axis ranges; from the data otherwise. */
  xRange?: [number, number]
  yRange?: [number, number]
  /** Corner of the legend: at the right, on top (default) or at the bottom. */
  legend?: 'top' | 'bottom'
}

const PALETTE = ['#2563ad', '#d1642c', '#2f8f4e', '#9a3fa8', '#b3202c', '#7a6a1e', '#3a9da8', '#555555']

/** An SVG document with axes, grid, curves and a legend. Render it with `renderSvg`. */
export function linePlot(series: PlotSeries[], options: PlotOptions = {}): string {
  const width = options.width ?? 640
  const height = options.height ?? 400
  const left = 74
  const right = 16
  const top = options.title === undefined ? 16 : 38
  const bottom = options.xLabel === undefined ? 30 : 50
  const value = (v: number) => (options.logY ? Math.log10(v) : v)
  const ok = (x: number, y: number) => Number.isFinite(x) && Number.isFinite(y) && (!options.logY || y > 0)
  const xs: number[] = []
  const ys: number[] = []
  for (const s of series)
    for (let i = 0; i < s.x.length; i++)
      if (ok(s.x[i], s.y[i])) {
        xs.push(s.x[i])
        ys.push(value(s.y[i]))
      }
  const [x0, x1] = options.xRange ?? extent(xs)
  const [y0, y1] = options.yRange ? [value(options.yRange[0]), value(options.yRange[1])] : extent(ys, 0.04)
  const px = (x: number) => left + ((x - x0) / (x1 - x0)) * (width - left - right)
  const py = (y: number) => height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom)
  const parts = [`<rect width="${width}" height="${height}" fill="#fff"/>`]
  for (const tick of ticks(x0, x1)) {
    parts.push(line(px(tick), top, px(tick), height - bottom, '#e3e3e3'))
    parts.push(textPath(shorten(tick), px(tick), height - bottom + 15, 8, { anchor: 'middle' }))
  }
  for (const tick of options.logY ? logTicks(y0, y1) : ticks(y0, y1)) {
    parts.push(line(left, py(tick), width - right, py(tick), '#e3e3e3'))
    parts.push(textPath(shorten(options.logY ? 10 ** tick : tick), left - 6, py(tick) + 4, 8, { anchor: 'end' }))
  }
  parts.push(line(left, height - bottom, width - right, height - bottom, '#444'))
  parts.push(line(left, top, left, height - bottom, '#444'))
  parts.push(
    `<clipPath id="area"><rect x="${left}" y="${top}" width="${width - left - right}" height="${height - top - bottom}"/></clipPath>`,
  )
  series.forEach((s, k) => {
    const color = s.color ?? PALETTE[k % PALETTE.length]
    let d = ''
    let pen = false
    for (let i = 0; i < s.x.length; i++) {
      const draw = ok(s.x[i], s.y[i])
      if (draw) d += `${pen ? 'L' : 'M'}${px(s.x[i]).toFixed(1)} ${py(value(s.y[i])).toFixed(1)}`
      pen = draw
    }
    const dash = s.dashed ? ' stroke-dasharray="6 4"' : ''
    parts.push(
      `<path d="${d}" fill="none" stroke="${color}" stroke-width="1.8" stroke-linejoin="round" clip-path="url(#area)"${dash}/>`,
    )
    const y = options.legend === 'bottom' ? height - bottom - 8 - (series.length - 1 - k) * 15 : top + 12 + k * 15
    const w = textWidth(s.name, 8)
    parts.push(
      `<rect x="${width - right - w - 36}" y="${y - 11}" width="${w + 34}" height="15" fill="#fff" opacity="0.8"/>`,
    )
    parts.push(`<path d="M${width - right - w - 32} ${y - 4}h22" stroke="${color}" stroke-width="2"${dash}/>`)
    parts.push(textPath(s.name, width - right - 4, y, 8, { anchor: 'end' }))
  })
  if (options.title !== undefined) parts.push(textPath(options.title, left, 24, 11))
  if (options.xLabel !== undefined)
    parts.push(textPath(options.xLabel, (left + width - right) / 2, height - 10, 9, { anchor: 'middle' }))
  if (options.yLabel !== undefined)
    parts.push(textPath(options.yLabel, 14, (top + height - bottom) / 2, 9, { anchor: 'middle', rotate: -90 }))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${parts.join('')}</svg>`
}

function line(x0: number, y0: number, x1: number, y1: number, color: string): string {
  return `<path d="M${x0.toFixed(1)} ${y0.toFixed(1)}L${x1.toFixed(1)} ${y1.toFixed(1)}" stroke="${color}"/>`
}

function extent(values: number[], margin = 0): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const v of values) {
    low = Math.min(low, v)
    high = Math.max(high, v)
  }
  if (low > high) return [0, 1]
  if (low === high) return [low - 0.5, high + 0.5]
  return [low - margin * (high - low), high + margin * (high - low)]
}

function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10)
  const out: number[] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(i * step)
  return out
}

/** Whole decades; with 2 and 5 between them when the range is short. */
function logTicks(low: number, high: number): number[] {
  const factors = high - low < 2 ? [1, 2, 5] : [1]
  const out: number[] = []
  for (let decade = Math.floor(low); decade <= high; decade++)
    for (const f of factors) {
      const t = decade + Math.log10(f)
      if (t >= low && t <= high) out.push(t)
    }
  return out
}

function shorten(v: number): string {
  if (v === 0) return '0'
  const size = Math.abs(v)
  return size >= 1e5 || size < 1e-3 ? v.toExponential(0).replace('e+', 'e') : String(Number(v.toPrecision(4)))
}
