module errnorm.test/goxmpp

go 1.26.0

require github.com/xmppo/go-xmpp v0.4.1
