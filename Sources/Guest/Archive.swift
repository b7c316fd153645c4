import CGuest
import GuestProtocol
enum Archive {
  static func run(_ request: OpenRequest, _ user: User) -> Int32 { 1 }
}
