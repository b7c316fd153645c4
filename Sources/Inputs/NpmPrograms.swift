/// What runs in the image's own Node.js, from version 12 on, around the image's own npm.
enum NpmPrograms {
  /// Installs what is asked for, looks at what came, and brings the tarball of each package: what a
  /// registry says of itself is npm's to read, whatever its version.
  static let resolve = #"""
    'use strict'
    const fs = require('fs')
    const { spawnSync } = require('child_process')
    const ask = JSON.parse(fs.readFileSync('/run/hutch/subject.json', 'utf8'))
    const out = '/run/hutch/out'

    function npm(words, hears) {
      const said = spawnSync('npm', words, {
        stdio: ['ignore', hears ? 'pipe' : 2, hears === 'all' ? 'ignore' : 2],
        encoding: 'utf8', maxBuffer: 1 << 30 })
      if (said.error) throw said.error
      return said
    }
    function must(words, hears) {
      const said = npm(words, hears)
      if (said.status !== 0) process.exit(1)
      return said.stdout
    }
    // All packages by their places below the prefix.
    function tree() {
      const root = ask.prefix + '/lib'
      if (!fs.existsSync(root + '/node_modules')) return new Map()
      const nodes = JSON.parse(must(['query', '*', '--no-global', '--prefix', root], 'out'))
      return new Map(nodes.filter(node => node.location).map(node => [node.location, node]))
    }
    const before = tree()
    const tops = []
    for (const { request, name } of ask.packages) {
      const there = before.get('node_modules/' + name)
      if (!there || ask.upgrade) { tops.push({ request, name }); continue }
      const said = npm(['ls', '--global', '--depth=0', '--json', request], 'all').stdout
      if (!(JSON.parse(said).dependencies || {})[name]) {
        console.error(`hutch: kept: ${name} ${there.version}`)
        process.exit(1)
      }
    }
    if (tops.length > 0) must(['install', '--global', '--'].concat(tops.map(top => top.request)))
    const found = new Map()
    for (const [place, node] of tree()) {
      const old = before.get(place)
      const isOld = old && old.name === node.name && old.version === node.version
      const top = tops.some(top => place === 'node_modules/' + top.name)
      const isBelow = tops.some(top => place.startsWith(`node_modules/${top.name}/`))
      if (node.inBundle || (isOld && !top && !isBelow)) continue
      for (const [name, wanted] of Object.entries(node.dependencies || {})) {
        if (/^(?!npm:)[a-z+]+:|^[^@/:]+\//.test(wanted)) {
          console.error(`hutch: elsewhere: ${node.name} ${name} ${wanted}`)
          process.exit(1)
        }
      }
      const key = node.name + '@' + node.version
      const known = found.get(key)
      found.set(key, {
        package: node.name, version: node.version, asked: top || Boolean(known && known.asked) })
    }
    if (found.size > 0) {
      const options = ['--loglevel=warn', '--pack-destination', out, '--']
      must(['pack'].concat(options, [...found.keys()]), 'out')
    }
    fs.writeFileSync(out + '/tree.json', JSON.stringify([...found.values()]))
    """#

  /// A registry of the locked packages and nothing else on the loopback, which is all the network
  /// that the step has, and npm with it. The exact versions that the recipe's requests came to are
  /// asked for; of what these need there is only what is locked.
  static let install = #"""
    'use strict'
    const fs = require('fs')
    const http = require('http')
    const zlib = require('zlib')
    const { spawn } = require('child_process')
    const shelf = '/run/hutch/tarballs'
    const address = 'http://127.0.0.1:4873'
    const locked = JSON.parse(fs.readFileSync('/run/hutch/subject.json', 'utf8'))

    // What lies beside `package.json` in a package: names and contents, as tar(5) has them.
    function files(path) {
      let tar = fs.readFileSync(path)
      if (tar[0] === 0x1f && tar[1] === 0x8b) tar = zlib.gunzipSync(tar)
      const text = (from, to) => tar.toString('utf8', from, to).replace(/\0[^]*$/, '')
      const found = new Map()
      let name = ''
      for (let at = 0; at + 512 <= tar.length;) {
        const size = parseInt(text(at + 124, at + 136), 8) || 0
        const kind = String.fromCharCode(tar[at + 156] || 48)
        const data = tar.slice(at + 512, at + 512 + size)
        const own = (text(at + 345, at + 500) + '/' + text(at, at + 100)).split('/')
        at += 512 + Math.ceil(size / 512) * 512
        if (kind === 'x') name = (/^\d+ path=(.*)$/m.exec(data.toString()) || ['', ''])[1]
        else if (kind === 'L') name = data.toString().replace(/\0[^]*$/, '')
        else if (kind !== 'g') {
          const parts = (name ? name.split('/') : own).filter(part => part && part !== '.')
          if (parts.length === 2) found.set(parts[1], data)
          name = ''
        }
      }
      return found
    }

    function compare(left, right) {
      const [a, b] = [left, right].map(text => text.split('+')[0].split(/[.-]/))
      const isEarly = text => text.split('+')[0].includes('-')
      for (let at = 0; at < 3; at++) if (Number(a[at]) !== Number(b[at])) return a[at] - b[at]
      return isEarly(right) - isEarly(left) || (left < right ? -1 : 1)
    }

    const packages = new Map()
    const tags = new Set(['latest'])
    for (const entry of locked) {
      const inside = files(`${shelf}/${entry.file}`)
      if (!inside.has('package.json')) throw new Error(`${entry.file} holds no package.json`)
      const manifest = JSON.parse(inside.get('package.json').toString().replace(/^\uFEFF/, ''))
      for (const field of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
        for (const wanted of Object.values(manifest[field] || {})) {
          if (/^[A-Za-wyz][\w.-]*$/.test(wanted)) tags.add(wanted)
        }
      }
      Object.assign(manifest, {
        name: entry.package, version: entry.version,
        _hasShrinkwrap: inside.has('npm-shrinkwrap.json'),
        dist: {
          integrity: entry.integrity,
          tarball: `${address}/${entry.package}/-/${encodeURIComponent(entry.file)}` } })
      if (!packages.has(entry.package)) {
        packages.set(entry.package, { name: entry.package, versions: {}, 'dist-tags': {} })
      }
      packages.get(entry.package).versions[entry.version] = manifest
    }
    for (const known of packages.values()) {
      const newest = Object.keys(known.versions).sort(compare).pop()
      for (const tag of tags) known['dist-tags'][tag] = newest
    }

    const server = http.createServer((request, response) => {
      const path = decodeURIComponent(request.url.slice(1).split('?')[0])
      const file = path.split('/-/')[1]
      if (packages.has(path)) {
        response.setHeader('Content-Type', 'application/json')
        response.end(JSON.stringify(packages.get(path)))
      } else if (file && locked.some(entry => entry.file === file)) {
        fs.createReadStream(`${shelf}/${file}`).pipe(response)
      } else {
        response.statusCode = 404
        response.end('{"error":"not in the lock"}')
      }
    })
    server.listen(4873, '127.0.0.1', () => {
      const asked = locked.filter(entry => entry.asked)
        .map(entry => `${entry.package}@${entry.version}`)
      const npm = spawn('npm', ['install', '--global', '--'].concat(asked), {
        stdio: ['ignore', 2, 2] })
      npm.on('exit', code => process.exit(code === null ? 1 : code))
    })
    """#
}
