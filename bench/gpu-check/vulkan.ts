/** A GPU in software, where there is none. */
import { existsSync } from 'node:fs'

/** Debian's and Ubuntu's chromium bring SwiftShader. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'

/** Variables for a process that shall find SwiftShader; none where there is a GPU, or no SwiftShader. */
export function softwareVulkan(): Record<string, string> {
  const needed = process.platform === 'linux' && !process.env['VK_ICD_FILENAMES'] && !existsSync('/dev/dri')
  return needed && existsSync(SWIFTSHADER) ? { VK_ICD_FILENAMES: SWIFTSHADER } : {}
}
