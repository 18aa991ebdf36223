/** docs/results.md as text: tables of each set of ground truth and preset, the ablation and the peer where they were measured. */
import type { PeerFigures } from '../../bench/peer-figures.js'
import type { Evaluation } from '../../src/engine/evaluate/index.js'

/** One set of ground truth, measured with each preset. */
export interface MeasuredSet {
  /** 'scans' or 'generated'; part of the pictures' names. */
  name: string
  /** What it is, for the page. */
  about: string
  presets: { preset: string; evaluation: Evaluation; sheet: boolean }[]
}

export interface Page {
  sets: readonly MeasuredSet[]
  machine: string
  minutes: number | undefined
  /** Lines of the ablation's page. */
  ablation: readonly string[]
  peers: readonly PeerFigures[]
}

type Score = Evaluation['scores'][0]

export function resultsPage({ sets, machine, minutes, ablation, peers }: Page): string {
  const took =
    minutes === undefined ? [] : [`Reconstructing and measuring all of it took ${minutes.toFixed(0)} minutes.`]
  return [
    '# Results',
    '',
    'Written by `npm run results`; what the figures mean: [evaluation.md](evaluation.md).',
    '',
    machine,
    ...took,
    '',
    ...sets.flatMap(setSection),
    ...(ablation.length > 0
      ? [
          '## Ablations',
          '',
          'By `npm run ablate`: one idea is switched off at a time. "Earns nothing" means here, on these views.',
          '',
          ...ablation,
        ]
      : []),
    ...(peers.length > 0 ? peerSection(peers) : []),
  ].join('\n')
}

function setSection({ name, about, presets }: MeasuredSet): string[] {
  const { scores } = presets[0].evaluation
  return [
    `## ${name[0].toUpperCase()}${name.slice(1)}`,
    '',
    `${about} ${scores.length} views, each reconstructed from its picture alone. Distances over the scan vertices of all views together;`,
    'the rest are means over the views. False relief: at edges of albedo and elsewhere.',
    '',
    ...table(
      ['', 'scan median / mean / std, mm', 'normals', 'fine', 'medium', 'false relief', 'PSNR', 'seconds', 'MiB'],
      [coarseRow(presets[0].evaluation), ...presets.map(({ preset, evaluation }) => presetRow(preset, evaluation))],
    ),
    '',
    `![Percentage of scan vertices within a distance](images/results-${name}-cumulative.png)`,
    '',
    ...presets.flatMap(({ preset, evaluation, sheet }) => [
      `### ${name}, preset ${preset}`,
      '',
      ...viewTable(evaluation),
      '',
      ...(sheet
        ? [`![Truth, coarse and detailed normals, and their errors](images/results-${name}-${preset}.jpg)`, '']
        : []),
    ]),
  ]
}

function coarseRow({ pooled, scores }: Evaluation): string[] {
  const of = (value: (score: Score) => number | undefined): number => mean(scores.map(value))
  return [
    'coarse fit',
    pooled.coarse ? triple(pooled.coarse) : '',
    `${of((s) => s.normals?.coarse?.meanDegrees).toFixed(1)}°`,
    agreement(
      of((s) => s.normals?.coarse?.fine.correlation),
      of((s) => s.normals?.coarse?.fine.gain),
    ),
    agreement(
      of((s) => s.normals?.coarse?.medium.correlation),
      of((s) => s.normals?.coarse?.medium.gain),
    ),
    falseRelief(
      of((s) => s.albedoEdges?.coarse?.edges.falseReliefDegrees),
      of((s) => s.albedoEdges?.coarse?.elsewhere.falseReliefDegrees),
    ),
    '',
    '',
    '',
  ]
}

function presetRow(preset: string, { pooled, scores }: Evaluation): string[] {
  const of = (value: (score: Score) => number | undefined): number => mean(scores.map(value))
  return [
    preset,
    triple(pooled.detail),
    `${of((s) => s.normals?.detail.meanDegrees).toFixed(1)}°`,
    agreement(
      of((s) => s.normals?.detail.fine.correlation),
      of((s) => s.normals?.detail.fine.gain),
    ),
    agreement(
      of((s) => s.normals?.detail.medium.correlation),
      of((s) => s.normals?.detail.medium.gain),
    ),
    falseRelief(
      of((s) => s.albedoEdges?.detail.edges.falseReliefDegrees),
      of((s) => s.albedoEdges?.detail.elsewhere.falseReliefDegrees),
    ),
    of((s) => s.photo?.psnr).toFixed(1),
    of((s) => s.run?.seconds).toFixed(0),
    of((s) => s.run?.memoryMiB).toFixed(0),
  ]
}

function viewTable({ scores }: Evaluation): string[] {
  const rows = scores.map(({ name, scan, normals, albedoEdges, photo, run }) => [
    name,
    triple(scan.detail),
    scan.coarse ? triple(scan.coarse) : '',
    normals ? `${normals.detail.meanDegrees.toFixed(1)}° (${normals.coarse?.meanDegrees.toFixed(1) ?? ''}°)` : '',
    normals ? agreement(normals.detail.fine.correlation, normals.detail.fine.gain) : '',
    normals ? agreement(normals.detail.medium.correlation, normals.detail.medium.gain) : '',
    albedoEdges
      ? `${albedoEdges.detail.edges.falseReliefDegrees.toFixed(1)}° (${albedoEdges.coarse?.edges.falseReliefDegrees.toFixed(1) ?? ''}°)`
      : '',
    photo?.psnr.toFixed(1) ?? '',
    run?.seconds?.toFixed(0) ?? '',
    run?.memoryMiB?.toFixed(0) ?? '',
  ])
  const head = [
    '',
    'scan, mm',
    'coarse scan, mm',
    'normals (coarse)',
    'fine',
    'medium',
    'false relief at edges (coarse)',
    'PSNR',
    'seconds',
    'MiB',
  ]
  return table(head, rows)
}

function peerSection(peers: readonly PeerFigures[]): string[] {
  const ms = (s: number): string => (s < 1 ? `${(1000 * s).toFixed(0)} ms` : `${s.toFixed(2)} s`)
  const rows = peers.map(({ settings, engine, peer, ratios, toLoss, loss, load }) => [
    `${settings.layers} x ${settings.width}, ${settings.rays} rays, crop ${settings.cropSize}`,
    `${ms(engine.differentiable)} / ${ms(peer.differentiable)}`,
    ratios.differentiable.toFixed(2),
    `${ms(engine.step)} / ${ms(peer.step)}`,
    `${ratios.step.toFixed(1)}`,
    toLoss.engine
      ? `${toLoss.engine.seconds.toFixed(0)} s / ${toLoss.peer.seconds.toFixed(0)} s (loss ${loss.toFixed(4)})`
      : `not reached / ${toLoss.peer.seconds.toFixed(0)} s (loss ${loss.toFixed(4)})`,
    ratios.toLoss ? ratios.toLoss.toFixed(1) : '',
    load.toFixed(1),
  ])
  const { torch, threads, machine } = peers[0]
  return [
    '## Peer',
    '',
    `By \`npm run peer\`: the network optimisation of preset paper beside the same in the way of IDR in PyTorch ${torch}, ${threads} threads,`,
    `on ${machine}: same photo, fitted face, rays and points; in one run, in alternation. Engine / peer; medians. The first ratio is`,
    "the engine's time over the peer's for the step without tracing (at most 1 is the aim), the others say how many times as long the peer",
    "takes: for a whole step (6 is the aim), and until the loss that it ends with (10 is the aim). Load: the machine's while it ran; above",
    'its number of cores, other work disturbed both, PyTorch more than the engine, since its threads wait for each other.',
    '',
    ...table(['size', 'step without tracing', 'ratio', 'whole step', 'times', 'to equal loss', 'times', 'load'], rows),
    '',
  ]
}

function table(head: string[], rows: string[][]): string[] {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`)
}

function triple({ median, mean, std }: { median: number; mean: number; std: number }): string {
  return [median, mean, std].map((x) => x.toFixed(2)).join(' / ')
}

function agreement(correlation: number, gain: number): string {
  return `${correlation.toFixed(2)}, gain ${gain.toFixed(2)}`
}

function falseRelief(edges: number, elsewhere: number): string {
  return Number.isFinite(edges) ? `${edges.toFixed(1)}° / ${elsewhere.toFixed(1)}°` : ''
}

function mean(list: (number | undefined)[]): number {
  const known = list.filter((v) => v !== undefined)
  return known.reduce((a, b) => a + b, 0) / known.length
}
