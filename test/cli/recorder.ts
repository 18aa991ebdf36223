import type { Output } from '../../src/cli/command.js'

/** A terminal or file that keeps what is written to it. */
export function recorder(isTTY = false): Output & { text: string } {
  return {
    text: '',
    isTTY,
    columns: 80,
    write(chunk: unknown) {
      this.text += String(chunk)
      return true
    },
  }
}
