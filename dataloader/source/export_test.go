package source

// LimitUnpacked lowers the bound on what archives unpack to, until the function that it gives is called.
func LimitUnpacked(bytes int64) (restore func()) {
	was := maxUnpacked
	maxUnpacked = bytes
	return func() { maxUnpacked = was }
}
