# Makes the RDMA devices of the lab: what /proc/cmdline asks for.

# Busybox takes its own, smaller ip before any other.
ip() {
    /bin/ip "$@"
}

rxe_on() {
    ip link set "$1" up
    rdma link add "$2" type rxe netdev "$1" || return 1
    tries=0
    while ! grep -q ACTIVE "/sys/class/infiniband/$2/ports/1/state"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        usleep 50000
    done
}

ip link set lo up

# lab.eth=ADDRESS/LENGTH: rxe0 over the machine's NIC.
eth=$(tr ' ' '\n' < /proc/cmdline | sed -n 's/^lab.eth=//p')
if [ -n "$eth" ]; then
    ip address add "$eth" dev eth0
    rxe_on eth0 rxe0
    exit
fi

# Otherwise rxe0 and rxe1 over the two ends of a cable. Both ends stay in one network name space, the only one that
# older rxe knows; the rules keep the kernel from taking its short cut between two addresses of its own.
ip link add va type veth peer name vb
ip address add 10.7.0.1/24 dev va
ip address add 10.7.0.2/24 dev vb
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
echo 1 > /proc/sys/net/ipv4/conf/all/accept_local
for end in va vb; do
    ip link set $end mtu 4200 up
    echo 0 > /proc/sys/net/ipv4/conf/$end/rp_filter
    echo 1 > /proc/sys/net/ipv4/conf/$end/accept_local
done
ip route add 10.7.0.2 dev va src 10.7.0.1 table 101
ip route add 10.7.0.1 dev vb src 10.7.0.2 table 102
# What arrives is delivered; what leaves goes over the cable; all else as usual.
ip rule add pref 1 iif va lookup local
ip rule add pref 2 iif vb lookup local
ip rule add pref 3 from 10.7.0.1 to 10.7.0.2 lookup 101
ip rule add pref 4 from 10.7.0.2 to 10.7.0.1 lookup 102
ip rule add pref 5 oif va to 10.7.0.2 lookup 101
ip rule add pref 6 oif vb to 10.7.0.1 lookup 102
ip rule add pref 100 lookup local
ip rule del pref 0
ip neigh replace 10.7.0.2 lladdr "$(cat /sys/class/net/vb/address)" dev va
ip neigh replace 10.7.0.1 lladdr "$(cat /sys/class/net/va/address)" dev vb
rxe_on va rxe0 && rxe_on vb rxe1
