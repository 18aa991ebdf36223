/** Head models that `sider head add` can fetch, and how to come by those that it cannot. */

export interface KnownFile {
  name: string
  url: string
  bytes: number
  /** Hex. */
  sha256: string
}

export interface KnownHead {
  title: string
  licence: string
  /** What the licence asks, in a sentence. */
  terms: string
  page: string
  /** The first one is the model. */
  files: readonly KnownFile[]
}

/**
 * The weights' address, size and hash are those that several public programs check copies against, one of them saying that they match
 * google/GNM's own checksums.sha256; the address is google/GNM's (gnm/shape/oss_data_loaders), at the revision that these programs name.
 * The landmarks' are of the correction of google/GNM#75: the hash of the file before it, with its five lines turned round, is this one.
 * Nothing of this could be tried when it was written: there was no way out to these hosts.
 */
export const KNOWN_HEADS: Readonly<Record<string, KnownHead>> = {
  gnm: {
    title: 'GNM Head 3.0, Google LLC',
    licence: 'Apache-2.0',
    terms:
      'It may be used and passed on, also commercially, if its licence and notices go with it (the tongue has an MIT notice of its own).',
    page: 'https://huggingface.co/google/gnm-v3',
    files: [
      {
        name: 'gnm_head.npz',
        url: 'https://huggingface.co/google/gnm-v3/resolve/c01e90d298d82301f9fd18f54806be751775cb7c/v3_0/gnm_head.npz',
        bytes: 53_328_601,
        sha256: '61d78bbfb4ad8e0b38495804a4caef3214d3df00f8c3f68761e63b41ce3747eb',
      },
      {
        name: 'head_sparse_68.txt',
        url: 'https://raw.githubusercontent.com/google/GNM/0ae8cc7aa2ef3c08dbc7fd35d6772869380e7f96/gnm/shape/data/landmarks/head_sparse_68.txt',
        bytes: 2293,
        sha256: 'd8b6066a87ca37c48bcf4d0834542db841709b65cb983e873fa1e441a22219d0',
      },
    ],
  },
}

/** Models that their users must get for themselves. */
export const OTHER_HEADS: Readonly<Record<string, string>> = {
  flame: 'FLAME: register at https://flame.is.tue.mpg.de, accept its licence, download it, then use --head FILE.',
  ict: 'ICT-FaceKit (MIT): clone https://github.com/USC-ICT/ICT-FaceKit, then use --head FOLDER.',
}
