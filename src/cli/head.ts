/** `sider head`: fetches head models into the user's data folder, lists them, deletes them. */

import { SiderError } from '../engine/errors.js'
import { addHead, headsFolder, KNOWN_HEADS, listHeads, OTHER_HEADS, removeHead } from '../engine/head/store.js'
import { mib } from '../engine/system/download.js'
import type { Command, Invocation, ParsedOptions, Shell } from './command.js'
import { columns } from './help.js'
import { interruptible } from './interrupt.js'

const ACTIONS = ['add', 'list', 'remove']

export const head: Command = {
  name: 'head',
  summary: 'fetch another head model, list those there are, delete one',
  usage: 'add <name> | list | remove <name> [options]',
  positionals: ['action'],
  optional: ['name'],
  options: {
    url: { value: 'URL', description: "add: another address of the model's file" },
    sha256: { value: 'HASH', description: 'add: the SHA-256 that the file must have, where it is another version' },
    quiet: { short: 'q', description: 'no progress' },
  },
  examples: [
    ['sider head add gnm', "Google's GNM Head; again after a cut connection goes on where it was"],
    ['sider reconstruct photo.jpg -o out --head gnm', 'use it'],
    ['sider head list', 'what there is, and how to get what cannot be fetched'],
    ['sider head remove gnm', 'delete it'],
  ],
  async run(invocation) {
    const [action, name] = invocation.positionals
    if (!ACTIONS.includes(action))
      throw new SiderError('USAGE', `head: unknown action '${action}'`, { hint: `Use one of ${ACTIONS.join(', ')}.` })
    if (action === 'list') {
      if (name !== undefined)
        throw new SiderError('USAGE', `head list: '${name}' is one argument too many`, {
          hint: 'See: sider head --help',
        })
      return list(invocation)
    }
    if (name === undefined)
      throw new SiderError('USAGE', `head ${action}: <name> is missing`, { hint: 'See: sider head list' })
    await (action === 'add' ? add(name, invocation) : remove(name, invocation))
  },
}

async function list({ options, shell }: Invocation): Promise<void> {
  const heads = await listHeads()
  if (options.has('json')) {
    shell.stdout.write(`${JSON.stringify({ event: 'result', folder: headsFolder(), heads })}\n`)
    return
  }
  const rows = heads.map(({ name, title, licence, path }): [string, string] => [
    `${path ? '✓' : '✗'} ${name}`,
    `${title}; ${licence}; ${path ?? `fetch it with: sider head add ${name}`}`,
  ])
  const lines = [
    ...columns([['✓ built-in', 'always there, the default'], ...rows]),
    '',
    'Others, from their makers:',
    ...columns(Object.entries(OTHER_HEADS).map(([name, how]): [string, string] => [`  ${name}`, how])),
  ]
  shell.stdout.write(`${lines.join('\n')}\n`)
}

async function add(name: string, { options, shell }: Invocation): Promise<void> {
  const [url, sha256] = [options.text('url'), options.text('sha256')]
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256))
    throw new SiderError('USAGE', `--sha256 is '${sha256}', but must be 64 hexadecimal digits`)
  if (url !== undefined && !(URL.canParse(url) && /^https?:/i.test(url)))
    throw new SiderError('USAGE', `--url is '${url}', but must be an address that begins with https:// or http://`)
  const json = options.has('json')
  const known = Object.hasOwn(KNOWN_HEADS, name) ? KNOWN_HEADS[name] : undefined
  if (known && !json) shell.stdout.write(`${known.title}; licence ${known.licence}, ${known.page}\n${known.terms}\n`)
  const progress = progressOf(options, shell)
  try {
    const path = await interruptible(shell, (signal) =>
      addHead(name, { url, sha256, signal, onProgress: progress.show }),
    )
    progress.close()
    if (json) shell.stdout.write(`${JSON.stringify({ event: 'result', name, path, licence: known?.licence })}\n`)
    else shell.stdout.write(`${path}\nUse it with: sider reconstruct photo.jpg -o out --head ${name}\n`)
  } finally {
    progress.close()
  }
}

interface Progress {
  show(file: string, received: number, total: number | undefined): void
  close(): void
}

/** A line that is redrawn on a terminal, a line every tenth elsewhere, JSON lines for machines. */
function progressOf(options: ParsedOptions, { stdout, stderr }: Shell): Progress {
  if (options.has('quiet')) return { show() {}, close() {} }
  let told = ''
  let shown = false
  return {
    show(file, received, total) {
      const share = total ? received / total : 0
      const step = `${file} ${Math.floor(share * (stderr.isTTY || options.has('json') ? 100 : 10))}`
      if (step === told) return
      told = step
      if (options.has('json')) {
        stdout.write(`${JSON.stringify({ event: 'progress', file, received, total })}\n`)
        return
      }
      shown = true
      const text = `${file}: ${mib(received)}${total ? ` of ${mib(total)}` : ''}`
      stderr.write(stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
    },
    close() {
      if (shown && stderr.isTTY) stderr.write('\r\x1b[K')
      shown = false
    },
  }
}

async function remove(name: string, { options, shell }: Invocation): Promise<void> {
  const removed = await removeHead(name)
  if (options.has('json')) shell.stdout.write(`${JSON.stringify({ event: 'result', name, removed })}\n`)
  else shell.stdout.write(removed.length > 0 ? `Deleted ${removed.join(', ')}\n` : `${name} was not there\n`)
}
