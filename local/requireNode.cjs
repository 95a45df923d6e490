// Runs on any Node, however old: npm scripts call it first, so that an old one gets one line instead of a stack trace.
var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    'Vaultspan needs Node 24 or newer; this is ' +
      process.version +
      '. Run `npm ci` without --omit=optional, which brings Node 24 for most platforms, or install it yourself.',
  )
  process.exit(1)
}
