module errnorm.test/mellium

go 1.26.0

require (
	mellium.im/sasl v0.3.2
	mellium.im/xmpp v0.22.0
)
