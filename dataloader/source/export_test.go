package source

// LimitUnpacked lowers the bound on what archives unpack to, until the function that it gives is called.
func LimitUnpacked(bytes int64) (restore func()) {
	was := maxUnpacked
	maxUnpacked = bytes
	return func() { maxUnpacked = was }
}

// LimitMembers and LimitContainers lower the bounds on files and on archives in the same way.
func LimitMembers(n int) (restore func()) {
	was := maxMembers
	maxMembers = n
	return func() { maxMembers = was }
}

func LimitContainers(n int) (restore func()) {
	was := maxContainers
	maxContainers = n
	return func() { maxContainers = was }
}
