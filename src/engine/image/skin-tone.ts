/** What skin's colour is compared by. */

/** Log brightness and two log ratios of an sRGB colour: shadows change the first only. */
export function skinTone(r: number, g: number, b: number): [number, number, number] {
  const [x, y, z] = [Math.log(Math.max(r, 0.01)), Math.log(Math.max(g, 0.01)), Math.log(Math.max(b, 0.01))]
  return [(x + y + z) / 3, x - y, y - z]
}

/** Median, and half the distance between the quantiles that lie a standard deviation from it. Sorts its argument. */
export function robustSpread(values: Float32Array): { median: number; sigma: number } {
  values.sort()
  const quantile = (share: number): number => values[Math.floor(share * (values.length - 1))]
  return { median: quantile(0.5), sigma: (quantile(0.84) - quantile(0.16)) / 2 }
}
