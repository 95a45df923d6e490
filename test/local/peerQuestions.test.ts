import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PutBackPeer } from '../../lib/replication/takeBack/recover.ts'
import { answerQuestion, peerAnswers, questionPath, type PeerQuestion } from '../../local/processes/peerQuestions.ts'

const [own, peer, stranger] = ['us-ashburn-1', 'us-phoenix-1', 'eu-frankfurt-1'] as const
const vaults = new Map([
  ['ours', { primaryRegion: own, replicaRegion: peer }],
  ['theirs', { primaryRegion: peer, replicaRegion: own }],
  ['other', { primaryRegion: own, replicaRegion: stranger }],
])
const anew: string[] = []
// As much of a region as the questions are about.
const host = {
  name: own,
  peerMark: async (region: string) => (region === peer ? 7 : 0),
  standingVaults: async () => [...vaults].map(([id, vault]) => ({ vault: { id, ...vault } })),
  standingKeys: async (vaultId: string) => ({ keys: [vaultId] }),
  replicateAnew: async (vaultId: string) => {
    anew.push(vaultId)
  },
} as unknown as PutBackPeer
const answers = peerAnswers({ host, tenancyId: 't', vaultOf: async (id) => vaults.get(id) })

test('a region is told of the vaults that it has in common with this one, and of no other', async () => {
  const told = (await answers.standingVaults(peer, [])) as readonly { readonly vault: { readonly id: string } }[]
  expect(told.map(({ vault }) => vault.id)).toEqual(['ours', 'theirs'])
  expect(await answers.standingKeys(peer, ['ours', { leaf: 0, after: null }])).toEqual({ keys: ['ours'] })
  await expect(answers.standingKeys(peer, ['other', { leaf: 0, after: null }])).rejects.toThrow(
    'no such vault in common',
  )
  await expect(answers.standingKeys(peer, ['none', { leaf: 0, after: null }])).rejects.toThrow(
    'no such vault in common',
  )
})

test('only its replica may ask to be made anew', async () => {
  await answers.replicateAnew(peer, ['ours'])
  await expect(answers.replicateAnew(peer, ['theirs'])).rejects.toThrow('no such vault in common')
  await expect(answers.replicateAnew(peer, ['other'])).rejects.toThrow('no such vault in common')
  expect(anew).toEqual(['ours'])
})

test('it is told what is known of itself, whichever region it names', async () => {
  expect(await answers.peerMark(peer, [stranger])).toBe(7)
})

test.each([
  ['peerMark' as const, '[]', '200 7'],
  ['constructor' as PeerQuestion, '[]', '404 "There is no such question."'],
  ['peerMark' as const, '{}', '400 "A question has its arguments as a list."'],
  ['peerMark' as const, '[', expect.stringMatching(/^400 /) as string],
  ['peerMark' as const, `["${'a'.repeat(20_000)}"]`, '400 "A question is short."'],
])('a question %s with %.30s is answered', async (question, body, answer) => {
  const server = createServer((taken, response) => {
    answerQuestion(taken, response, peer, answers)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  try {
    expect(await ask((server.address() as AddressInfo).port, questionPath(question), body)).toEqual(answer)
  } finally {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
})

function ask(port: number, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => {
        resolve(`${response.statusCode ?? 0} ${text}`)
      })
    })
      .once('error', reject)
      .end(body)
  })
}
