#include "net/egress.h"

#include <gtest/gtest.h>

#include "net/url.h"

namespace tenantseal::net {
namespace {

TEST(IsPublic, NoAddressInsideIs) {
  for (const std::string inside : {"0.0.0.0",
                                   "0.1.2.3",
                                   "10.0.0.1",
                                   "10.255.255.255",
                                   "100.64.0.1",
                                   "100.100.100.200",
                                   "100.127.255.255",
                                   "127.0.0.1",
                                   "127.255.255.254",
                                   "169.254.0.1",
                                   "169.254.169.254",
                                   "172.16.0.1",
                                   "172.31.255.255",
                                   "192.0.0.1",
                                   "192.0.0.192",
                                   "192.0.2.1",
                                   "192.88.99.1",
                                   "192.168.0.1",
                                   "192.168.255.255",
                                   "198.18.0.1",
                                   "198.19.255.255",
                                   "198.51.100.7",
                                   "203.0.113.9",
                                   "224.0.0.1",
                                   "239.255.255.255",
                                   "240.0.0.1",
                                   "255.255.255.255",
                                   "168.63.129.16",  // Azure.
                                   "::",
                                   "::1",
                                   "::ffff:8.8.8.8",
                                   "::ffff:10.0.0.1",
                                   "::8.8.8.8",  // Mapped, compatible.
                                   "64:ff9b::8.8.8.8",
                                   "64:ff9b::10.0.0.1",
                                   "64:ff9b:1::1",  // NAT64.
                                   "100::1",
                                   "2001::1",
                                   "2001:0:4136:e378::1",
                                   "2001:1ff::1",
                                   "2001:db8::1",
                                   "2002:a00:1::",
                                   "3fff::1",
                                   "3fff:fff::1",
                                   "4000::1",
                                   "5f00::1",
                                   "fc00::1",
                                   "fd00:ec2::254",
                                   "fdff::1",
                                   "fe80::1",
                                   "febf::1",
                                   "fec0::1",
                                   "ff02::1",
                                   "ff0e::1"}) {
    const auto address = ParseIpAddress(inside);
    ASSERT_TRUE(address) << inside;
    EXPECT_FALSE(IsPublic(*address)) << inside;
    EXPECT_FALSE(Egress().Allows(*address)) << inside;
  }
}

TEST(IsPublic, TheNeighboursOfThoseAre) {
  for (const std::string outside :
       {"1.1.1.1",         "8.8.8.8",           "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",       "126.255.255.255", "128.0.0.1",
        "169.253.255.255", "169.255.0.0",       "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "192.167.255.255",   "192.169.0.0",     "198.17.255.255",
        "198.20.0.0",      "223.255.255.255",   "168.63.129.15",   "168.63.129.17",
        "2001:200::1",     "2001:db7::1",       "2001:db9::1",     "2003::1",
        "2600:1f18::1",    "2a00:1450:4001::1", "3ffe::1",         "3fff:1000::1"}) {
    const auto address = ParseIpAddress(outside);
    ASSERT_TRUE(address) << outside;
    EXPECT_TRUE(IsPublic(*address)) << outside;
    EXPECT_TRUE(Egress().Allows(*address)) << outside;
  }
}

TEST(ParseIpAddress, TakesAddressesAlone) {
  EXPECT_EQ(ParseIpAddress("[::1]"), ParseIpAddress("::1"));
  for (const std::string bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "0x7f.1", "01.2.3.4", "::g",
                                "fe80::1%eth0", "[::1", "1.2.3.4 ", "127.0.0.1/8"})
    EXPECT_FALSE(ParseIpAddress(bad)) << bad;
}

TEST(Egress, AllowsWhatWasNamed) {
  Egress egress;
  for (const std::string network : {"10.1.0.0/16", "127.0.0.1", "fd00::/8", "192.168.4.0/22"})
    ASSERT_TRUE(egress.Allow(network).ok()) << network;
  for (const std::string yes :
       {"10.1.0.0", "10.1.255.255", "127.0.0.1", "fd12::1", "192.168.7.255", "8.8.8.8"})
    EXPECT_TRUE(egress.Allows(*ParseIpAddress(yes))) << yes;
  for (const std::string no : {"10.0.255.255", "10.2.0.0", "127.0.0.2", "fc00::1", "192.168.8.0",
                               "::ffff:10.1.0.1", "::1"})
    EXPECT_FALSE(egress.Allows(*ParseIpAddress(no))) << no;
  EXPECT_FALSE(egress.AllowsExplicitly(*ParseIpAddress("8.8.8.8")));
  EXPECT_TRUE(egress.AllowsExplicitly(*ParseIpAddress("10.1.2.3")));
}

TEST(Egress, RefusesWhatIsNoNetwork) {
  Egress egress;
  for (const std::string bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "fd00::1/8",
                                "fd00::/129", "10.0.0.0/8x", "10.0.0.0/-1", "example.com", "10/8"})
    EXPECT_FALSE(egress.Allow(bad).ok()) << bad;
  EXPECT_TRUE(egress.Allow("0.0.0.0/0").ok());
  EXPECT_TRUE(egress.Allow("::/0").ok());
}

TEST(SplitUrl, ShowsTheHostAsItWillBeConnectedTo) {
  const auto host = [](const std::string& url) { return SplitUrl(url)->host; };
  EXPECT_EQ(host("https://Example.COM/a?b=c"), "example.com");
  EXPECT_EQ(SplitUrl("https://example.com:8443/")->port, 8443);
  EXPECT_EQ(SplitUrl("https://example.com/")->port, 443);
  EXPECT_EQ(SplitUrl("http://example.com")->port, 80);
  EXPECT_EQ(SplitUrl("http://example.com")->scheme, "http");
  EXPECT_EQ(host("https://[::1]:8443/"), "[::1]");
  // Each of these is an address in disguise.
  for (const std::string loopback : {"https://127.0.0.1/", "https://0x7f000001/", "https://127.1/",
                                     "https://2130706433/", "https://0177.0.0.1/"})
    EXPECT_EQ(host(loopback), "127.0.0.1") << loopback;
}

}  // namespace
}  // namespace tenantseal::net
