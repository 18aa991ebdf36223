/** Reconstruct, pause, cancel; how far it is, for how long still, and the loss. */
import { duration, h } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Task, TaskState } from '../core/task.js'
import type { Kit } from './kit.js'
import type { Chosen } from './settings-section.js'

const STAGES: Record<string, string> = {
  setup: 'Getting ready',
  photo: 'Reading the photo',
  landmarks: 'Finding landmarks',
  head: 'Fitting the head',
  coarse: 'Coarse shape',
  detail: 'Detail from shading',
  surface: 'Making the surface',
  output: 'Writing the files',
}

const WORDS: Record<TaskState, string> = {
  empty: 'Choose a photo to begin.',
  ready: 'Ready.',
  sending: 'Sending the photo ...',
  queued: 'Waiting for its turn ...',
  running: 'Working ...',
  input_required: 'Which face is it?',
  paused: 'Paused. Its place is kept.',
  completed: 'Done.',
  failed: 'It failed.',
  cancelled: 'Cancelled.',
}

export function runSection(kit: Kit, link: ServerLink, task: Task, chosen: Chosen): HTMLElement {
  const section = kit.section('Reconstruction')
  const start = kit.button('Reconstruct face', () => void task.start(chosen.preset, chosen.settings), true)
  const pause = kit.button('Pause', () => void task.pause())
  const resume = kit.button('Go on', () => void task.resume())
  const keep = kit.button('Finish now', () => void task.cancel(true))
  keep.title = 'Ends the optimisation and keeps what it has found'
  const cancel = kit.button('Cancel', () => void task.cancel(false))
  const bar = h('progress', { max: '1', value: '0', 'aria-label': 'Progress' })
  const words = h('p', { class: 'sd-progress', role: 'status' })
  const time = h('p', { class: 'sd-time' })
  const chart = h('canvas', { class: 'sd-loss', role: 'img', width: '640', height: '150' })
  const error = h('p', { class: 'sd-error', role: 'alert' })
  const logs = h('ul', { class: 'sd-logs' })
  section.append(
    h('div', { class: 'sd-actions' }, start, pause, resume, keep, cancel),
    words,
    bar,
    time,
    chart,
    error,
    logs,
  )
  const show = (): void => {
    const { state, progress } = task
    const connected = link.state === 'connected'
    start.hidden = task.busy
    start.disabled = !connected || !task.photo?.file
    pause.hidden = state !== 'running' && state !== 'queued'
    resume.hidden = state !== 'paused'
    keep.hidden = state !== 'running' || progress?.stage !== 'detail'
    cancel.hidden = !task.busy || state === 'sending'
    for (const button of [pause, resume, keep, cancel]) button.disabled = !connected || task.stopping
    const running = state === 'running' && progress
    const steps = running && progress.iterations ? `, step ${progress.iteration} of ${progress.iterations}` : ''
    words.textContent = running ? `${STAGES[progress.stage] ?? progress.stage}${steps}` : WORDS[state]
    if (task.stopping) words.textContent = 'Stopping after this step ...'
    bar.hidden = !task.busy
    bar.value = progress?.fraction ?? 0
    time.hidden = !running || progress.etaSeconds === undefined
    if (running)
      time.textContent = `${Math.round(progress.fraction * 100)} %, about ${duration(progress.etaSeconds ?? 0)} left`
    if (state === 'completed' && task.result) {
      const seconds = Object.values(task.result.seconds).reduce<number>((sum, one) => sum + Number(one), 0)
      words.textContent = `Done in ${duration(seconds)} on ${task.result.backend}.`
    }
    error.hidden = !task.error
    error.textContent = task.error ? `${task.error.message} ${task.error.hint}` : ''
    const warnings = task.result?.warnings ?? task.logs
    logs.hidden = warnings.length === 0
    logs.replaceChildren(...warnings.map((text) => h('li', { text })))
    chart.hidden = task.losses.length < 2
    if (!chart.hidden) plot(chart, task.losses)
  }
  task.changes.listen(show)
  link.changes.listen(show)
  show()
  return section
}

/** The loss by steps, its axis logarithmic. */
function plot(canvas: HTMLCanvasElement, losses: Task['losses']): void {
  const context = canvas.getContext('2d')!
  const { width, height } = canvas
  const logs = losses.map(({ loss }) => Math.log10(Math.max(1e-12, loss)))
  const [low, high] = [Math.min(...logs), Math.max(...logs)]
  const [first, last] = [losses[0].step, losses.at(-1)!.step]
  const at = (i: number): [number, number] => [
    4 + ((width - 8) * (losses[i].step - first)) / Math.max(1, last - first),
    34 + (height - 42) * (1 - (logs[i] - low) / Math.max(1e-9, high - low)),
  ]
  const style = getComputedStyle(canvas)
  const line = style.getPropertyValue('--sd-accent') || '#08f'
  context.clearRect(0, 0, width, height)
  context.beginPath()
  for (let i = 0; i < losses.length; i++) context.lineTo(...at(i))
  context.strokeStyle = line
  context.lineWidth = 3
  context.lineJoin = 'round'
  context.stroke()
  context.lineTo(at(losses.length - 1)[0], height)
  context.lineTo(4, height)
  context.globalAlpha = 0.12
  context.fillStyle = line
  context.fill()
  context.globalAlpha = 1
  context.fillStyle = style.color
  context.font = '20px system-ui, sans-serif'
  context.fillText(`loss ${losses.at(-1)!.loss.toPrecision(3)}`, 8, 22)
  canvas.setAttribute('aria-label', `Loss by steps, now ${losses.at(-1)!.loss.toPrecision(3)} at step ${last}`)
}
