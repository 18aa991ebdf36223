/** Earlier jobs of this token, newest first: to open what they made again, or to delete it from the server. */
import type { Job } from '../../../src/rpc/client/index.js'
import { h } from '../core/dom.js'
import { readPhoto } from '../core/photo.js'
import type { ServerLink } from '../core/server-link.js'
import type { Photo, Task } from '../core/task.js'
import type { Kit } from './kit.js'

const PAGE = 6

/** Stands for the photo of a job that has not written its crop yet. */
const UNKNOWN = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 44 44" fill="#8889"><circle cx="22" cy="17" r="8"/><path d="M7 42a15 13 0 0 1 30 0"/></svg>',
)}`

export function jobsSection(kit: Kit, link: ServerLink, task: Task): HTMLElement {
  const section = kit.section('Earlier faces')
  const list = h('ul', { class: 'sd-jobs' })
  const more = h('button', { type: 'button', class: 'sd-link', text: 'Show more', onclick: () => void load(true) })
  section.append(list, more)
  /** Crops by jobs; a finished job's does not change. */
  const photos = new Map<string, Promise<Photo>>()
  let jobs: Job[] = []
  let latest = 0

  const photoOf = ({ id, name = 'photo', state }: Job): Promise<Photo> => {
    const unknown: Photo = { name, thumbnail: UNKNOWN, width: 44, height: 44 }
    if (state !== 'completed') return Promise.resolve(unknown)
    const read = async (): Promise<Photo> => {
      const bytes = await link.client!.fetch(id, 'final/input.png')
      const { file: _, ...photo } = await readPhoto(new Blob([bytes as Uint8Array<ArrayBuffer>]), name)
      return photo
    }
    const known = photos.get(id) ?? read()
    photos.set(id, known)
    return known.catch(() => {
      photos.delete(id)
      return unknown
    })
  }
  const row = (job: Job): HTMLElement => {
    const { id, name = 'photo', preset, state, created } = job
    const image = h('img', { src: UNKNOWN, alt: '', width: '44', height: '44' })
    void photoOf(job).then(({ thumbnail }) => (image.src = thumbnail))
    const when = new Date(created).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
    const about = [preset, ...(state === 'completed' ? [] : [state]), when].join(' · ')
    const open = h(
      'button',
      {
        type: 'button',
        class: 'sd-job',
        'data-job': id,
        'aria-current': id === task.job && 'true',
        onclick: async () => task.open(job, await photoOf(job)),
      },
      image,
      h('span', {}, h('strong', { text: name }), h('small', { text: about })),
    )
    const remove = h('button', {
      type: 'button',
      class: 'sd-remove',
      text: '×',
      title: 'Delete from the server',
      'aria-label': `Delete ${name}`,
      hidden: state !== 'completed' || id === task.job,
      onclick: async () => {
        if (!confirm(`Delete the result of ${name} from the server, with all its files?`)) return
        await link.client?.call('job/delete', { job: id }).catch(() => {}) // gone already: the list tells
        photos.delete(id)
        void load()
      },
    })
    open.disabled = task.busy
    return h('li', {}, open, remove)
  }
  /** @param older adds the page after what is shown; else the list begins anew */
  const load = async (older = false): Promise<void> => {
    const { client } = link
    const turn = ++latest
    if (!client) return
    const page = await client
      .call('job/list', {
        states: ['completed', 'queued', 'running', 'pausing', 'finishing', 'paused'],
        limit: older ? PAGE : Math.max(PAGE, jobs.length),
        ...(older && { before: jobs.at(-1)!.id }),
      })
      .catch(() => undefined) // a lost connection comes back here when it is back
    if (!page || turn !== latest) return
    jobs = older ? [...jobs, ...page.jobs] : page.jobs
    more.hidden = !page.more
    const focused = list.contains(document.activeElement) && document.activeElement?.getAttribute('data-job')
    list.replaceChildren(...jobs.map(row))
    if (focused) list.querySelector<HTMLElement>(`[data-job="${focused}"]`)?.focus()
    section.hidden = jobs.length === 0
  }
  let of = ''
  const refresh = (): void => {
    const key = `${link.state} ${task.job} ${task.state}`
    if (link.state !== 'connected' || key === of) return
    of = key
    void load()
  }
  link.changes.listen(refresh)
  task.changes.listen(refresh)
  section.hidden = true
  return section
}
