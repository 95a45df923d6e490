import type { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { Watched } from './regionHealth.ts'

type OwnToken = Pick<Pkcs11Hsm, 'name' | 'label' | 'isAnswering' | 'awayPartitions' | 'partitionCounts'>

/** A region's HSM as all its threads see it. `away`: tokens that do not answer one of the workers. */
export function seenByAll(hsm: SoftwareHsm | OwnToken, away: () => readonly string[]): Watched['hsm'] {
  if (hsm instanceof SoftwareHsm) return hsm
  const { name, label } = hsm
  return {
    name,
    isAnswering: () => hsm.isAnswering() && !away().includes(label),
    awayPartitions: () => [...new Set([...hsm.awayPartitions(), ...away().filter((each) => each !== label)])],
    pool: () => {
      const counts = hsm.partitionCounts()
      return counts.free + counts.taken + counts.spent === 0 ? undefined : counts
    },
  }
}
