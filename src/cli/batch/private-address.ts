/** Addresses that are not of the internet at large: of this machine, of its network, of clouds' own services. */
import { BlockList, isIP } from 'node:net'

/** RFC 6890 and the registries of special addresses that it names. */
const V4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 ' +
  '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3'
/** All but 2000::/3, and of it what carries addresses of the other kind or is for documents. */
const V6 = '::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3fff::/20'

function listOf(subnets: string, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const subnet of subnets.split(' ')) {
    const [address, length] = subnet.split('/')
    list.addSubnet(address, Number(length), family)
  }
  return list
}

/** Apart, for a list of both takes an address of the one for the same of the other. */
const [V4_LIST, V6_LIST] = [listOf(V4, 'ipv4'), listOf(V6, 'ipv6')]

/** @param address IPv4 or IPv6. What is no address is private too: nothing good is known of it. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return V4_LIST.check(address, 'ipv4')
  return family === 0 || V6_LIST.check(address, 'ipv6')
}
