/**
 * The project's only source of randomness: xoshiro128** (Blackman and Vigna, 2018), seeded through SplitMix32.
 * Same seed, same sequence, on every machine. The state can be stored in a checkpoint and restored.
 */

/** Seeded pseudo-random numbers. */
export class Rng {
  #a: number
  #b: number
  #c: number
  #d: number
  /** Second value of the last polar pair, or NaN. */
  #spare = Number.NaN

  /** @param seed any finite number; its integer part modulo 2^32 counts. */
  constructor(seed: number) {
    let s = Math.trunc(seed) >>> 0
    const next = () => {
      s = (s + 0x9e3779b9) >>> 0
      let z = s
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return (z ^ (z >>> 16)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  /** Unsigned 32-bit integer. */
  uint32(): number {
    const m = Math.imul(this.#b, 5)
    const result = Math.imul((m << 7) | (m >>> 25), 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Uniform in [low, high), with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const u = ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992
    return low + u * (high - low)
  }

  /** Normal deviate (Marsaglia's polar method). */
  normal(mean = 0, sigma = 1): number {
    let z = this.#spare
    this.#spare = Number.NaN
    if (Number.isNaN(z)) {
      let u: number
      let v: number
      let s: number
      do {
        u = this.uniform(-1, 1)
        v = this.uniform(-1, 1)
        s = u * u + v * v
      } while (s >= 1 || s === 0)
      const f = Math.sqrt((-2 * Math.log(s)) / s)
      z = u * f
      this.#spare = v * f
    }
    return mean + sigma * z
  }

  /** Integer in 0..n-1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /** Random permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const p = new Uint32Array(n)
    for (let i = 0; i < n; i++) p[i] = i
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const t = p[i]
      p[i] = p[j]
      p[j] = t
    }
    return p
  }

  /** A generator of its own for a sub-task, so that one task's draws do not shift another's. */
  fork(): Rng {
    return new Rng(this.uint32())
  }

  /** Everything needed to go on later with the same sequence. */
  getState(): number[] {
    return [this.#a >>> 0, this.#b >>> 0, this.#c >>> 0, this.#d >>> 0, Number.isNaN(this.#spare) ? 1e300 : this.#spare]
  }

  /** Restores what `getState` gave (JSON-safe numbers). */
  static fromState(state: readonly number[]): Rng {
    const rng = new Rng(0)
    ;[rng.#a, rng.#b, rng.#c, rng.#d] = state
    rng.#spare = state[4] === 1e300 ? Number.NaN : state[4]
    return rng
  }
}
