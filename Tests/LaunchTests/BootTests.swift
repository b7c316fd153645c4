import GuestProtocol
import Host
import Launch
import Testing

@Suite(.serialized) struct BootTests {
  @Test func `a guest boots, runs a command and leaves a clean disk`() throws {
    guard let fixture = BootFixture.find(for: "boot") else { return }
    let vm = try fixture.boot(try fixture.overlay())
    try vm.waitUntilReady()
    let said = try vm.ask(.shell("echo out; echo err >&2; exit 7"))
    print(said)
    #expect(said.outcome == .exited(7))
    #expect(vm.shutdown() == .clean)
    print(vm.timings.table)
  }
}
