//go:build gpu

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend"
)

// copying makes the action of a copy command: within the device, from another GPU's memory directly, or, where the GPUs
// cannot reach each other, by way of pinned memory of the host. On the receiver's thread.
func (d *device) copying(c backend.Command) (interface{ enqueue(cu.Stream) error }, error) {
	from, ok := c.From.(*device)
	if !ok {
		return nil, fmt.Errorf("copy from %v, another backend's device", c.From)
	}
	if err := from.owns(c.Src); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if err := d.owns(c.Dst); err != nil {
		return nil, fmt.Errorf("destination: %w", err)
	}
	if c.Src.Bytes != c.Dst.Bytes {
		return nil, fmt.Errorf("copy of %d bytes to %d", c.Src.Bytes, c.Dst.Bytes)
	}
	p := peerCopy{on: d, from: from, to: address(c.Dst), src: address(c.Src), bytes: c.Src.Bytes}
	direct, err := d.reach(from)
	if err != nil {
		return nil, err
	}
	if direct {
		return p, nil
	}
	d.without("direct copies from "+from.name,
		errors.New("the GPUs cannot reach each other, copies go by way of the host"))
	s := &stagedCopy{peerCopy: p}
	if err := s.make(); err != nil {
		return nil, errors.Join(err, s.free())
	}
	return s, nil
}

// reach lets the device read another's memory, and says whether it can. Devices of one GPU always can.
func (d *device) reach(from *device) (direct bool, err error) {
	if d == from || d.gpu == from.gpu || d.reached[from] {
		return true, nil
	}
	can, err := d.gpu.CanAccessPeer(from.gpu)
	if err != nil {
		return false, fmt.Errorf("cuDeviceCanAccessPeer: %w", err)
	}
	if can == 0 {
		return false, nil
	}
	if err := from.context.EnablePeerAccess(0); err != nil && err != cu.PeerAccessAlreadyEnabled {
		return false, fmt.Errorf("cuCtxEnablePeerAccess to %s: %w", from.name, err)
	}
	d.reached[from] = true
	return true, nil
}

// peerCopy is one copy from a device to another, or within one context, on a stream of the receiver's.
type peerCopy struct {
	on, from *device
	to, src  cu.DevicePtr
	bytes    int64
}

func (p peerCopy) enqueue(stream cu.Stream) error {
	if p.bytes == 0 {
		return nil
	}
	if p.on.context == p.from.context {
		if err := cu.MemcpyDtoDAsync(p.to, p.src, p.bytes, stream); err != nil {
			return fmt.Errorf("cuMemcpyDtoDAsync of %d bytes: %w", p.bytes, err)
		}
		return nil
	}
	if err := cu.MemcpyPeerAsync(p.to, p.on.context, p.src, p.from.context, p.bytes, stream); err != nil {
		return fmt.Errorf("cuMemcpyPeerAsync of %d bytes from %s: %w", p.bytes, p.from.name, err)
	}
	return nil
}

// stagedCopy goes by way of the host: out of the sender on a stream of its context that waits for the receiver, and
// into the receiver on a stream of its own. The pinned memory is the copy's own; runs follow each other on that stream.
type stagedCopy struct {
	peerCopy
	host         []byte
	stream       cu.Stream // in the sender's context
	ready, there cu.Event  // the receiver is ready; the bytes are in host
}

// inSender runs a function with the sender's context current on the receiver's thread.
func (s *stagedCopy) inSender(f func() error) error {
	if err := cu.PushCurrentCtx(s.from.context); err != nil {
		return fmt.Errorf("cuCtxPushCurrent: %w", err)
	}
	err := f()
	if _, popped := cu.PopCurrentCtx(); popped != nil {
		err = errors.Join(err, fmt.Errorf("cuCtxPopCurrent: %w", popped))
	}
	return err
}

func (s *stagedCopy) make() (err error) {
	if s.host, err = pinned(max(1, s.bytes)); err != nil {
		return err
	}
	if s.ready, err = cu.MakeEvent(cu.DisableTiming); err != nil {
		return fmt.Errorf("cuEventCreate: %w", err)
	}
	return s.inSender(func() (err error) {
		if s.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
			return fmt.Errorf("cuStreamCreate: %w", err)
		}
		if s.there, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return fmt.Errorf("cuEventCreate: %w", err)
		}
		return nil
	})
}

func (s *stagedCopy) enqueue(stream cu.Stream) error {
	if s.bytes == 0 {
		return nil
	}
	if err := s.ready.Record(stream); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	if err := s.inSender(s.out); err != nil {
		return fmt.Errorf("out of %s: %w", s.from.name, err)
	}
	if err := stream.Wait(s.there, 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent: %w", err)
	}
	if err := cu.MemcpyHtoDAsync(s.to, bufferAt(s.host), s.bytes, stream); err != nil {
		return fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", s.bytes, err)
	}
	return nil
}

func (s *stagedCopy) out() error {
	if err := s.stream.Wait(s.ready, 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent: %w", err)
	}
	if err := cu.MemcpyDtoHAsync(bufferAt(s.host), s.src, s.bytes, s.stream); err != nil {
		return fmt.Errorf("cuMemcpyDtoHAsync of %d bytes: %w", s.bytes, err)
	}
	if err := s.there.Record(s.stream); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	return nil
}

// free runs on the receiver's thread.
func (s *stagedCopy) free() error {
	var errs []error
	if !s.from.closed {
		errs = append(errs, s.inSender(func() error {
			var errs []error
			if s.there != (cu.Event{}) {
				errs = append(errs, cu.DestroyEvent(&s.there))
			}
			if s.stream != (cu.Stream{}) {
				errs = append(errs, s.stream.Destroy())
			}
			return errors.Join(errs...)
		}))
	}
	if s.ready != (cu.Event{}) {
		errs = append(errs, cu.DestroyEvent(&s.ready))
	}
	if s.host != nil {
		errs = append(errs, unpin(s.host))
		s.host = nil
	}
	return errors.Join(errs...)
}
