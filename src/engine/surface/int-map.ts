/** Map from non-negative 31-bit integers to their order of arrival: open addressing, a tenth of the cost of `Map`. */
export class IntMap {
  /** [size] keys in order of arrival (longer than size: unused tail). */
  keys: Int32Array
  size = 0
  #slots: Int32Array
  #bits: number

  constructor(expected = 1024) {
    this.#bits = Math.max(4, Math.ceil(Math.log2(expected * 2)))
    this.#slots = new Int32Array(1 << this.#bits).fill(-1)
    this.keys = new Int32Array(1 << (this.#bits - 1))
  }

  /** Number of `key`, -1 if it is not there. */
  get(key: number): number {
    const mask = (1 << this.#bits) - 1
    let slot = Math.imul(key, 0x9e3779b1) >>> (32 - this.#bits)
    for (;;) {
      const i = this.#slots[slot]
      if (i < 0 || this.keys[i] === key) return i
      slot = (slot + 1) & mask
    }
  }

  /** Number of `key`, which is added if it is not there. */
  add(key: number): number {
    const mask = (1 << this.#bits) - 1
    let slot = Math.imul(key, 0x9e3779b1) >>> (32 - this.#bits)
    for (;;) {
      const i = this.#slots[slot]
      if (i >= 0 && this.keys[i] === key) return i
      if (i < 0) break
      slot = (slot + 1) & mask
    }
    if (this.size === this.keys.length) {
      this.#grow()
      return this.add(key)
    }
    this.#slots[slot] = this.size
    this.keys[this.size] = key
    return this.size++
  }

  #grow(): void {
    const { keys } = this
    this.#bits++
    this.#slots = new Int32Array(1 << this.#bits).fill(-1)
    this.keys = new Int32Array(1 << (this.#bits - 1))
    this.keys.set(keys)
    const mask = (1 << this.#bits) - 1
    for (let i = 0; i < this.size; i++) {
      let slot = Math.imul(keys[i], 0x9e3779b1) >>> (32 - this.#bits)
      while (this.#slots[slot] >= 0) slot = (slot + 1) & mask
      this.#slots[slot] = i
    }
  }
}
