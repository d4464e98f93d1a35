package source

// LimitUnpacked lowers the bound on what archives unpack to, until the function that it gives is called.
func LimitUnpacked(bytes int64) (restore func()) {
	was := limits
	limits.Unpacked = bytes
	return func() { limits = was }
}

// LimitMembers and LimitContainers lower the bounds on files and on archives in the same way.
func LimitMembers(n int) (restore func()) {
	was := limits
	limits.Members = n
	return func() { limits = was }
}

func LimitContainers(n int) (restore func()) {
	was := limits
	limits.Containers = n
	return func() { limits = was }
}
