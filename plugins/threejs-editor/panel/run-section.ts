/** Reconstruct, pause, cancel; how far it is, for how long still, and the loss. */
import type { Stage } from '../../../src/rpc/client/index.js'
import { duration, h, sentence } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Task, TaskState } from '../core/task.js'
import type { Kit } from './kit.js'
import type { Chosen } from './setting-field.js'

const STAGES: Record<Stage, string> = {
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
  pausing: 'Stopping after this step ...',
  finishing: 'Finishing after this step ...',
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
  const chart = lossChart()
  const error = h('p', { class: 'sd-error', role: 'alert' })
  const logs = h('ul', { class: 'sd-logs' })
  section.append(
    h('div', { class: 'sd-actions' }, start, pause, resume, keep, cancel),
    words,
    bar,
    time,
    chart.dom,
    error,
    logs,
  )
  const show = (): void => {
    const { state, progress } = task
    const connected = link.state === 'connected'
    start.hidden = task.busy || (task.photo !== undefined && !task.photo.file) // an earlier job's photo is not here
    start.disabled = !connected || !task.photo
    pause.hidden = state !== 'running' && state !== 'queued'
    resume.hidden = state !== 'paused'
    keep.hidden = state !== 'running' || progress?.stage !== 'detail'
    cancel.hidden = !task.busy || state === 'sending'
    for (const button of [pause, resume, keep, cancel]) button.disabled = !connected || task.stopping
    const running = state === 'running' && progress
    const steps = running && progress.iterations ? `, step ${progress.iteration} of ${progress.iterations}` : ''
    words.textContent = running ? `${STAGES[progress.stage]}${steps}` : WORDS[state]
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
    error.textContent = task.error ? `${sentence(task.error.message)} ${sentence(task.error.hint)}` : ''
    const warnings = task.result?.warnings ?? task.logs
    logs.hidden = warnings.length === 0
    logs.replaceChildren(...warnings.map((text) => h('li', { text })))
    chart.dom.hidden = task.losses.length < 2
    if (!chart.dom.hidden) chart.show(task.losses)
  }
  task.changes.listen(show)
  link.changes.listen(show)
  show()
  return section
}

/** The loss by steps, its axis logarithmic; as SVG it takes the host's colours, also when they change. */
function lossChart(): { dom: HTMLElement; show(losses: Task['losses']): void } {
  const path = (name: string): SVGPathElement => {
    const element = document.createElementNS(SVG, 'path')
    element.setAttribute('class', name)
    return element
  }
  const [area, line] = [path('sd-area'), path('sd-line')]
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 1 1')
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.append(area, line)
  const words = h('figcaption')
  return {
    dom: h('figure', { class: 'sd-loss' }, words, svg),
    show(losses) {
      const logs = losses.map(({ loss }) => Math.log10(Math.max(1e-12, loss)))
      const [low, high] = [Math.min(...logs), Math.max(...logs)]
      const [first, last] = [losses[0], losses.at(-1)!]
      const points = losses.map(({ step }, i) => {
        const x = (step - first.step) / Math.max(1, last.step - first.step)
        return `${x.toFixed(4)} ${(0.97 - (0.94 * (logs[i] - low)) / Math.max(1e-9, high - low)).toFixed(4)}`
      })
      line.setAttribute('d', `M${points.join('L')}`)
      area.setAttribute('d', `M0 1L${points.join('L')}L1 1Z`)
      words.textContent = `loss ${last.loss.toPrecision(3)}`
    },
  }
}

const SVG = 'http://www.w3.org/2000/svg'
