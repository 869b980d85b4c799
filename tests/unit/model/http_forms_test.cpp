#include "model/http_forms.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

TEST(UrlForm, TakesAbsoluteUrlsOfHttpWithoutAUser)
{
    for (const std::string_view url :
         {"", "http://example.com", "https://example.com:8443/a/b?c=d&e=%20#f", "http://10.0.0.1/",
          "http://[::1]:80/", "http://example.com/{{job}}?at={{scheduled_at}}",
          "https://{{job}}.example.com/"}) {
        EXPECT_TRUE(url_form.fits(url)) << url;
    }
    for (const std::string_view url :
         {"example.com", "//example.com", "ftp://example.com", "file:///etc/passwd", "http://",
          "http://me@example.com/", "http://me:secret@example.com/", "http://:x@example.com/",
          "http://example.com/a b", "http://example.com/\n", "http:///path", "http://a:port/",
          "javascript:alert(1)"}) {
        EXPECT_FALSE(url_form.fits(url)) << url;
    }
}

TEST(HeaderForm, TakesOneLineWithANameAndAValue)
{
    for (const std::string_view header : {"X-Token: abc", "X-Empty:", "Accept:text/plain",
                                          "X-Long: a, b; c=\"d\"", "X: \xC3\xA4"}) {
        EXPECT_TRUE(header_form.fits(header)) << header;
    }
    for (const std::string_view header :
         {"", "no colon", ": no name", "spaced name: x", "X: a\rY: b", "X: a\nY: b", "X: \x01",
          "Content-Length: 5", "transfer-encoding: chunked", "Connection: close", "EXPECT: x"}) {
        EXPECT_FALSE(header_form.fits(header)) << header;
    }
}

TEST(StatusForm, TakesStatusesAndRanges)
{
    for (const std::string_view text : {"200", "200-299", "404-404", "100-599"}) {
        EXPECT_TRUE(status_form.fits(text)) << text;
    }
    for (const std::string_view text :
         {"", "99", "600", "200-", "-200", "299-200", "2xx", "200-299-300", "+200", " 200"}) {
        EXPECT_FALSE(status_form.fits(text)) << text;
    }
}

TEST(ExpectedStatus, IsOneOfTheRangesOrAnySuccess)
{
    const std::vector<std::string> none;
    EXPECT_TRUE(is_expected_status(none, 200));
    EXPECT_TRUE(is_expected_status(none, 299));
    EXPECT_FALSE(is_expected_status(none, 300));
    EXPECT_FALSE(is_expected_status(none, 0));
    const std::vector<std::string> some{"204", "400-404"};
    EXPECT_TRUE(is_expected_status(some, 204));
    EXPECT_TRUE(is_expected_status(some, 404));
    EXPECT_FALSE(is_expected_status(some, 200));
    EXPECT_FALSE(is_expected_status(some, 405));
}

}  // namespace
}  // namespace peercron
