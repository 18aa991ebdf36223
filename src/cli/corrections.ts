/** `--landmark N=X,Y`: single landmarks put in their places. */
import { SiderError } from '../engine/errors.js'
import type { Option, ParsedOptions } from './command.js'

export const LANDMARK_OPTION: Option = {
  value: 'N=X,Y',
  multiple: true,
  description:
    'put a landmark in its place, photo pixels: N is 0 to 67 (iBUG; see: sider faces --overlay) or 478:0 to 478:477 (face mesh); repeatable',
}

/**
 * The corrections of a command line, by landmark; the later one of the same landmark counts.
 * @throws SiderError USAGE for what is not of the form N=X,Y; which landmarks there are is the engine's to know
 */
export function readCorrections(options: ParsedOptions): Record<string, [number, number]> | undefined {
  const list = options.list('landmark')
  if (list.length === 0) return undefined
  return Object.fromEntries(
    list.map((text) => {
      const [, name, x, y] = /^\s*([^=\s]+)\s*=\s*([^,\s]+)\s*,\s*([^,\s]+)\s*$/.exec(text) ?? []
      const place: [number, number] = [Number(x), Number(y)]
      if (name === undefined || !place.every(Number.isFinite)) {
        throw new SiderError('USAGE', `'${text}' is not of the form N=X,Y`, {
          hint: 'For example: --landmark 57=412,530.5',
        })
      }
      return [name, place]
    }),
  )
}
