/** `sider settings`: every setting with what it does, its default, and what the presets make of it. */
import {
  DEFAULT_PRESET,
  PRESETS,
  resolveSettings,
  SETTING_GROUPS,
  type SettingInfo,
  settingAt,
} from '../engine/config.js'
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
    if (!options.has('json')) {
      shell.stdout.write(options.has('markdown') ? settingsMarkdown() : settingsText())
      return
    }
    const groups = SETTING_GROUPS.map((group) => ({
      ...group,
      settings: group.settings.map((info) => ({ ...info, presets: presetValues(info) })),
    }))
    const presets = Object.fromEntries(Object.entries(PRESETS).map(([name, { description }]) => [name, description]))
    shell.stdout.write(`${JSON.stringify({ event: 'result', presets, defaultPreset: DEFAULT_PRESET, groups })}\n`)
  },
}

const RESOLVED = PRESET_NAMES.map((preset) => [preset, resolveSettings({ preset })] as const)

/** A setting's value in every preset, by the preset's name. */
function presetValues(info: SettingInfo): Record<string, unknown> {
  return Object.fromEntries(RESOLVED.map(([name, resolved]) => [name, settingAt(resolved, info.path)]))
}

/** '4', or 'preview 2, balanced 4, paper 8' where the presets differ. */
function inPresets(info: SettingInfo): string {
  const values = Object.entries(presetValues(info))
  const same = values.every(([, value]) => value === values[0][1])
  return same ? String(values[0][1]) : values.map(([name, value]) => `${name} ${value}`).join(', ')
}

function settingsText(): string {
  const lines: string[] = []
  for (const { name, description, settings } of SETTING_GROUPS) {
    lines.push('', `${name ? `${name}: ` : ''}${description}`, '')
    for (const info of settings) {
      lines.push(`  ${info.path} = ${inPresets(info)}${info.unit ? ` (${info.unit})` : ''}`)
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
  for (const { name, description, settings } of SETTING_GROUPS) {
    lines.push('', `## ${name || 'General'}`, '', description, '')
    lines.push('| setting | what it does | allowed | value in the presets |', '| --- | --- | --- | --- |')
    for (const info of settings) {
      const text = `${info.description}${info.unit ? ` Unit: ${info.unit}.` : ''}`.replaceAll('|', '\\|')
      lines.push(`| \`${info.path}\` | ${text} | ${info.allowed} | ${inPresets(info)} |`)
    }
  }
  return `${lines.join('\n')}\n`
}

function sentence(text: string): string {
  return `${text[0].toUpperCase()}${text.slice(1)}.`
}
