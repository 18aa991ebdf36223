/**
 * What there is to evaluate. Two layouts of ground truth: views of scans (docs/evaluation.md), and the NoW benchmark's folders.
 * For each case, where its reconstruction is expected.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve } from 'node:path'
import { SiderError } from '../errors.js'
import { LANDMARK_ENDINGS } from './landmark-files.js'

/** One photo with ground truth. */
export interface Case {
  /** 'subject/view', or NoW's 'subject/challenge/image'. Results of one subject are of one person. */
  name: string
  /** NoW's challenge; the subject of a view. */
  group: string
  image: string
  /** The scan's surface. */
  scan: string
  /** Scan units in a metre. */
  scanUnits: number
  /** Seven landmarks on the scan. */
  landmarks?: string
  /** True camera and maps of the view, and the edges of its lips and lids. */
  camera?: string
  maps?: string
  regions?: string
}

export interface CaseOptions {
  /** NoW: a file with one image path a line, e.g. imagepathsvalidation.txt; all images otherwise. */
  list?: string
}

const IMAGES = /\.(png|jpe?g|webp)$/i
const MESHES = ['.obj', '.ply', '.glb']

/**
 * The cases below a folder: a view, a folder of views (subject/view), or a folder of the NoW benchmark.
 * @throws SiderError TRUTH_INVALID if there are none
 */
export async function findCases(truth: string, options: CaseOptions = {}): Promise<Case[]> {
  if (!existsSync(truth) || !statSync(truth).isDirectory())
    throw new SiderError('TRUTH_INVALID', `${truth}: there is no such folder`, { data: { path: truth } })
  const now = nowFolders(truth)
  const cases = now ? await nowCases(now, options.list) : viewCases(resolve(truth))
  if (cases.length > 0) return cases
  throw new SiderError('TRUTH_INVALID', `${truth}: no ground truth is here`, {
    hint: 'A case is a folder with image.png and gt.ply (there or one folder up); docs/evaluation.md shows the layouts.',
    data: { path: truth },
  })
}

/** Views at `folder`, one or two levels below it. */
function viewCases(folder: string): Case[] {
  const below = (parent: string): string[] => names(parent).map((name) => join(parent, name))
  const first = below(folder)
  return [folder, ...first, ...first.flatMap(below)].flatMap(viewAt).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function viewAt(folder: string): Case[] {
  const image = names(folder, false).find((name) => /^image\./.test(name) && IMAGES.test(name))
  const scan = [join(folder, 'gt.ply'), join(dirname(folder), 'gt.ply')].find(existsSync)
  if (!image || !scan) return []
  const subject = basename(dirname(folder))
  const here = (name: string): string | undefined => (existsSync(join(folder, name)) ? join(folder, name) : undefined)
  return [
    {
      name: `${subject}/${basename(folder)}`,
      group: subject,
      image: join(folder, image),
      scan,
      scanUnits: 1,
      landmarks: LANDMARK_ENDINGS.map((ending) => scan.replace(/\.ply$/, ending)).find(existsSync),
      camera: here('camera.json'),
      maps: here('gt.npz'),
      regions: here('regions.json'),
    },
  ]
}

interface NowFolders {
  pictures: string
  scans: string
  landmarks: string
}

/** The three folders of the NoW benchmark, wherever its two archives were unpacked below `truth`. */
function nowFolders(truth: string): NowFolders | undefined {
  const roots = [
    truth,
    ...['dataset', 'NoW_Dataset', 'NoW_Evaluation', 'NoW_Evaluation/dataset'].map((p) => join(truth, p)),
  ]
  const find = (...paths: string[]): string | undefined =>
    roots.flatMap((root) => paths.map((path) => join(root, path))).find(existsSync)
  const pictures = find('final_release_version/iphone_pictures', 'iphone_pictures')
  const scans = find('scans')
  const landmarks = find('scans_lmks_onlypp')
  return pictures && scans && landmarks ? { pictures, scans, landmarks } : undefined
}

/** NoW's units: scans and their landmarks are in millimetres. */
const NOW_UNITS = 1000

async function nowCases(folders: NowFolders, list: string | undefined): Promise<Case[]> {
  const images = list === undefined ? nowImages(folders.pictures) : await listedImages(list)
  return images.flatMap((name) => {
    const [subject, challenge] = name.split('/')
    const only = (folder: string, ending: string): string | undefined => {
      const found = names(join(folder, subject), false).filter((file) => file.toLowerCase().endsWith(ending))
      return found.length > 0 ? join(folder, subject, found.sort()[0]) : undefined
    }
    const scan = only(folders.scans, '.obj') ?? only(folders.scans, '.ply')
    const landmarks = only(folders.landmarks, '.pp')
    // The scans of NoW's test subjects are not public.
    if (!scan || !landmarks) return []
    const image = join(folders.pictures, name)
    return [{ name: name.replace(IMAGES, ''), group: challenge, image, scan, scanUnits: NOW_UNITS, landmarks }]
  })
}

function nowImages(pictures: string): string[] {
  return names(pictures)
    .flatMap((subject) => names(join(pictures, subject)).map((challenge) => `${subject}/${challenge}`))
    .flatMap((folder) => names(join(pictures, folder), false).map((name) => `${folder}/${name}`))
    .filter((name) => IMAGES.test(name))
    .sort()
}

async function listedImages(list: string): Promise<string[]> {
  let text: string
  try {
    text = await readFile(list, 'utf8')
  } catch (cause) {
    throw new SiderError('TRUTH_INVALID', `cannot read the list ${list}: ${(cause as Error).message}`, {
      data: { path: list },
      cause,
    })
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** Names of the folders (or files) in a folder; none if it is not there. */
function names(folder: string, folders = true): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() === folders)
    .map((entry) => entry.name)
}

/** Where a case's reconstruction lies: a folder of ours, or a mesh of anybody's (NoW's layout of predictions). */
export type Prediction = { folder: string } | { mesh: string; landmarks: string | undefined }

/** The folder into which the reconstruction of a case is written. */
export function resultFolder(results: string, one: Case): string {
  return join(results, one.name)
}

/** Looks for a case's reconstruction; undefined where there is none. `alone`: the results may be those of this one case. */
export function findPrediction(results: string, one: Case, alone: boolean): Prediction | undefined {
  const view = parse(one.name).base
  const folders = [resultFolder(results, one), join(results, one.name.replaceAll('/', '-')), join(results, view)]
  const folder = [...folders, ...(alone ? [results] : [])].find((path) => existsSync(join(path, 'face.glb')))
  if (folder) return { folder }
  const mesh = MESHES.map((ending) => join(results, one.name + ending)).find(existsSync)
  if (!mesh) return undefined
  return { mesh, landmarks: LANDMARK_ENDINGS.map((ending) => join(results, one.name + ending)).find(existsSync) }
}
