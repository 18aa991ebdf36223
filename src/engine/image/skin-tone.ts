/** What skin's colour is compared by. */

/** Log brightness and two log ratios of an sRGB colour: shadows change the first only. */
export function skinTone(r: number, g: number, b: number): [number, number, number] {
  const [x, y, z] = [Math.log(Math.max(r, 0.01)), Math.log(Math.max(g, 0.01)), Math.log(Math.max(b, 0.01))]
  return [(x + y + z) / 3, x - y, y - z]
}

/** Least and most standard deviation of log brightness and of log ratios within one skin. */
export interface ToneBounds {
  brightness: readonly [number, number]
  ratio: readonly [number, number]
}

/** The tones of one face's skin: median and standard deviation of each. @param samples [3] of each tone, which are sorted */
export function toneSpread(samples: readonly Float32Array[], bounds: ToneBounds): { median: number; sigma: number }[] {
  return samples.map((sample, k) => {
    const { median, sigma } = robustSpread(sample)
    const [least, most] = k === 0 ? bounds.brightness : bounds.ratio
    return { median, sigma: Math.min(most, Math.max(least, sigma)) }
  })
}

/** Median, and half the distance between the quantiles that lie a standard deviation from it. Sorts its argument. */
function robustSpread(values: Float32Array): { median: number; sigma: number } {
  values.sort()
  const quantile = (share: number): number => values[Math.floor(share * (values.length - 1))]
  return { median: quantile(0.5), sigma: (quantile(0.84) - quantile(0.16)) / 2 }
}
