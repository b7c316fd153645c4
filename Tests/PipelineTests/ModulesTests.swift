import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite(.with("qemu-system-x86_64")) struct ModulesTests {
    private let place = Place.current

    @Test func `an image that can load modules finds those of the kernel`() throws {
      let recipe = try place.recipe("loader", "[[step]]\napt = [\"kmod\"]\n")
      let script = """
        sudo modprobe bridge && grep -q '^bridge ' /proc/modules
        test "$(stat -c %u:%g /lib/modules/$(uname -r)/modules.dep)" = 0:0
        ! sudo touch /lib/modules/$(uname -r)/new 2>/dev/null
        """
      let said = try place.hutch("run", recipe, "--", "sh", "-euc", script)
      #expect(said.status == 0, "\(said.error)")
    }

    @Test func `an image that can't is left as it is`() throws {
      let said = try place.hutch("run", "base", "--", "test", "!", "-e", "/lib/modules")
      #expect(said.status == 0, "\(said.error)")
    }
  }
}
