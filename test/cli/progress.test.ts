import { describe, expect, test } from 'vitest'
import { duration, progressBar, progressJson, progressLines } from '../../src/cli/progress.js'
import type { Progress } from '../../src/engine/run/types.js'
import { recorder } from './recorder.js'

describe('progress', () => {
  const step = (fraction: number, more: Partial<Progress> = {}): Progress => ({ stage: 'detail', fraction, ...more })

  test('the bar redraws one line, no wider than the terminal, at most ten times a second', () => {
    const output = recorder(true)
    let time = 0
    const bar = progressBar(output, () => time)
    bar.show(step(0.5, { iteration: 3, iterations: 6, loss: 0.5, etaSeconds: 3700, message: 'x'.repeat(100) }))
    bar.show(step(0.6))
    time = 150
    bar.show(step(0.75))
    const frames = output.text.split('\r\x1b[K').slice(1)
    expect(frames).toHaveLength(2)
    for (const frame of frames) expect([...frame].length).toBeLessThan(80)
    expect(frames[0]).toContain('50% 3/6  loss 0.500  1:01:40 left')
    expect(frames[1]).toContain('█████████████████████░░░░░░░')
    expect(output.text).not.toContain('\n')
  })

  test('lines come with a new stage, a message, and every ten seconds', () => {
    const output = recorder()
    let time = 0
    const lines = progressLines(output, () => time)
    for (; time < 25_000; time += 500) lines.show(step(time / 25_000))
    lines.show(step(1, { message: 'the loss has stopped falling' }))
    expect(output.text.trimEnd().split('\n')).toEqual([
      '  0% Detail',
      ' 40% Detail',
      ' 80% Detail',
      '100% Detail the loss has stopped falling',
    ])
  })

  test('JSON lines come at most ten times a second, and always at the end', () => {
    const output = recorder()
    let time = 0
    const json = progressJson(output, () => time)
    for (; time < 1000; time += 10) json.show(step(time / 1000))
    json.show(step(1))
    const lines = output.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map((line) => line.fraction)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
  })

  test.each([
    [0, '0:00'],
    [59.6, '1:00'],
    [3600, '1:00:00'],
  ])('%d s is %s', (seconds, text) => expect(duration(seconds)).toBe(text))
})
