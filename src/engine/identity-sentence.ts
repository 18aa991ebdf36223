/** `HeadFit.identityDetermined` in words. */
export function identitySentence(determined: number): string {
  const percent = Math.round(100 * determined)
  return `The photo has settled ${percent} % of what faces differ in (place, turn and size apart); the rest is as in the average head.`
}
