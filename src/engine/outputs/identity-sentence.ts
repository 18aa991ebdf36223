/** `HeadFit.identityDetermined` in words. */
export function identitySentence(determined: number): string {
  const percent = Math.round(100 * determined)
  return `Whose face it is: the fit counts ${percent} % of what faces differ in as settled, at most; the rest is as in the average head.`
}
