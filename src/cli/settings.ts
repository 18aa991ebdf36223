/** `sider settings`: every setting with what it does, its default, and what the presets make of it. */
import { PRESETS, resolveSettings, SETTING_GROUPS, type SettingInfo, settingAt } from '../engine/config.js'
import type { Command } from './command.js'
import { wrap } from './help.js'

const PRESET_NAMES = Object.keys(PRESETS)

export const settings: Command = {
  name: 'settings',
  summary: 'explain every setting',
  usage: '[options]',
  positionals: [],
  options: { markdown: { description: 'as the page docs/settings.md' } },
  examples: [
    ['sider settings', 'read them'],
    ['sider settings --json', 'for programs: path, type, default, allowed values and the value in each preset'],
  ],
  async run({ options, shell }) {
    if (options.has('json'))
      shell.stdout.write(`${JSON.stringify({ event: 'result', presets: PRESETS, groups: withPresets() })}\n`)
    else shell.stdout.write(options.has('markdown') ? settingsMarkdown() : settingsText())
  },
}

/** The groups, each setting with its value in every preset. */
function withPresets() {
  const resolved = PRESET_NAMES.map((preset) => [preset, resolveSettings({ preset })] as const)
  const values = (info: SettingInfo) => Object.fromEntries(resolved.map(([name, s]) => [name, settingAt(s, info.path)]))
  return SETTING_GROUPS.map((group) => ({
    ...group,
    settings: group.settings.map((info) => ({ ...info, presets: values(info) })),
  }))
}

function settingsText(): string {
  const lines: string[] = []
  for (const { name, description, settings } of withPresets()) {
    lines.push('', `${name ? `${name}: ` : ''}${description}`, '')
    for (const info of settings) {
      const values = PRESET_NAMES.map((preset) => info.presets[preset])
      const same = values.every((value) => value === values[0])
      const shown = same ? String(values[0]) : PRESET_NAMES.map((preset, i) => `${preset} ${values[i]}`).join(', ')
      lines.push(`  ${info.path} = ${shown}${info.unit ? ` (${info.unit})` : ''}`)
      lines.push(...wrap(`${info.description} ${sentence(info.allowed)}`, 92).map((line) => `      ${line}`))
    }
  }
  return `${lines.slice(1).join('\n')}\n`
}

/** The page docs/settings.md. */
export function settingsMarkdown(): string {
  const lines = [
    '# Settings',
    '',
    'Generated from `schemas/settings.schema.json` by `npm run generate`. Set any of them with `--set key=value`.',
    '',
    '| preset | what it is for |',
    '| --- | --- |',
    ...Object.entries(PRESETS).map(([name, preset]) => `| \`${name}\` | ${preset.description} |`),
  ]
  for (const { name, description, settings } of withPresets()) {
    lines.push('', `## ${name || 'General'}`, '', description, '')
    lines.push(`| setting | what it does | allowed | ${PRESET_NAMES.join(' | ')} |`)
    lines.push(`| --- | --- | --- | ${PRESET_NAMES.map(() => '---').join(' | ')} |`)
    for (const { path, description, allowed, unit, presets } of settings) {
      const text = `${description}${unit ? ` Unit: ${unit}.` : ''}`.replaceAll('|', '\\|')
      lines.push(
        `| \`${path}\` | ${text} | ${allowed} | ${PRESET_NAMES.map((preset) => presets[preset]).join(' | ')} |`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

function sentence(text: string): string {
  return `${text[0].toUpperCase()}${text.slice(1)}.`
}
