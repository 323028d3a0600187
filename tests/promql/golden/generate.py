"""Writes data.txt and queries.jsonl from a seed: what the recorder asks a Prometheus."""
import json
import random
import sys

random.seed(int(sys.argv[1]))
N = int(sys.argv[2])
# data
L=["load 15s"]
for inst in "abc":
    for mode in ("user","sys","idle"):
        v=0; vals=[]
        for i in range(240):
            r=random.random()
            if r<0.01: vals.append("_"); continue
            if r<0.015: v=0
            if r<0.02 and inst=="c": vals.append("stale"); continue
            v+=random.choice([0,1,2,3,random.randint(0,20)]); vals.append(str(v))
        L.append('  cpu_total{instance="%s",mode="%s"} %s'%(inst,mode," ".join(vals)))
    vals=[]
    x=random.uniform(0,100)
    for i in range(240):
        x+=random.uniform(-5,5); r=random.random()
        vals.append("_" if r<0.02 else "NaN" if r<0.025 else "%.3f"%x)
    L.append('  load{instance="%s",job="node"} %s'%(inst," ".join(vals)))
    L.append('  up{instance="%s",job="node"} %s'%(inst," ".join("1" if random.random()>0.1 else "0" for _ in range(240))))
    L.append('  meta{instance="%s",job="node",version="v%d",dc="%s"} 1x239'%(inst,random.randint(1,2),random.choice(["x","y"])))
    for route in ("/a","/b"):
        tot=[0]*5
        cols=[[] for _ in range(5)]
        for i in range(240):
            for _ in range(random.randint(0,6)):
                b=min(4,int(random.expovariate(0.7)))
                for k in range(b,5): tot[k]+=1
            for k in range(5): cols[k].append(str(tot[k]))
        for k,le in enumerate(["0.1","0.5","1","2.5","+Inf"]):
            L.append('  lat_bucket{instance="%s",route="%s",le="%s"} %s'%(inst,route,le," ".join(cols[k])))
        L.append('  lat_count{instance="%s",route="%s"} %s'%(inst,route," ".join(cols[4])))
L.append('  limit{job="node"} 50x239')
L.append('  other{instance="a",job="node"} _x20 3x40 _x60 7x100')
L.append('  other{instance="b",job="node"} _x30 Inf -Inf 5 NaN 3 2 1 0 -1')
open("data.txt","w").write("\n".join(L)+"\n")

R=random
def dur(): return R.choice(["30s","1m","2m","5m","10m","7m","45s"])
def sel(kind=None):
    m=R.choice(["cpu_total","load","up","meta","lat_count","limit","other","lat_bucket","nothing"]) if kind is None else kind
    mt=R.choice(["","","",'{instance="a"}','{instance!="a"}','{instance=~"a|b"}','{job="node"}','{instance=~".*"}'])
    return m+mt
def shift():
    return R.choice(["","","","",""," offset 1m"," offset -30s"," offset 5m"," @ 1800"," @ start()"," @ end()"," @ 900 offset 1m"])
def scal(d):
    c=R.random()
    if c<0.6 or d<=0: return R.choice(["0","1","2","0.5","-1","10","50","1e3","NaN","Inf","0.9","time()","pi()"])
    if c<0.8: return "scalar(%s)"%vec(d-1)
    return "(%s %s %s)"%(scal(d-1),R.choice("+-*/%^"),scal(d-1))
RF=["rate","increase","delta","irate","idelta","resets","changes","deriv","avg_over_time","sum_over_time","min_over_time","max_over_time","count_over_time","stddev_over_time","stdvar_over_time","present_over_time","last_over_time","first_over_time","mad_over_time","ts_of_max_over_time","ts_of_min_over_time","ts_of_last_over_time","ts_of_first_over_time"]
def rng(d):
    if R.random()<0.75 or d<=0: return "%s[%s]%s"%(sel(),dur(),shift())
    return "(%s)[%s:%s]%s"%(vec(d-1),R.choice(["5m","10m","3m","2m"]),R.choice(["","30s","1m","15s","20s"]),shift())
def rfun(d):
    c=R.random()
    if c<0.85: return "%s(%s)"%(R.choice(RF),rng(d))
    if c<0.9: return "quantile_over_time(%s,%s)"%(R.choice(["0.5","0.9","0","1","-1","2"]),rng(d))
    if c<0.95: return "predict_linear(%s,%s)"%(rng(d),R.choice(["60","600","-30","time()"]))
    if c<0.98: return "double_exponential_smoothing(%s,%s,%s)"%(rng(d),"0.3","0.6")
    return "absent_over_time(%s)"%rng(d)
LB=["instance","job","mode","route","le","version","nope","__name__"]
def grp():
    c=R.random()
    if c<0.3: return ""
    k=R.sample(LB,R.randint(0,3))
    return " %s (%s) "%(R.choice(["by","by","without"]),",".join(k))
def agg(d):
    op=R.choice(["sum","avg","min","max","count","group","stddev","stdvar","quantile","count_values"])
    inner=vec(d-1)
    if op in("topk","bottomk","limitk"): return "%s%s(%s, %s)"%(op,grp(),R.choice(["1","2","3","5","0"]),inner)
    if op=="quantile": return "quantile%s(%s, %s)"%(grp(),R.choice(["0.5","0.1","1","0","1.5"]),inner)
    if op=="count_values": return 'count_values%s("val", %s)'%(grp(),sel()+shift())
    return "%s%s(%s)"%(op,grp(),inner)
VF=["abs","ceil","floor","exp","ln","log2","log10","sqrt","sgn","sin","cos","tan","deg","rad","round","sort","sort_desc","timestamp","absent","asinh","tanh"]
def vfun(d):
    c=R.random()
    if c<0.6:
        f=R.choice(VF)
        return "%s(%s)"%(f,sel() if f=="timestamp" and R.random()<0.7 else "(%s)+0"%vec(d-1) if f=="timestamp" else vec(d-1))
    if c<0.66: return "clamp(%s,%s,%s)"%(vec(d-1),scal(0),scal(0))
    if c<0.7: return "clamp_min(%s,%s)"%(vec(d-1),scal(0))
    if c<0.74: return "clamp_max(%s,%s)"%(vec(d-1),scal(0))
    if c<0.78: return "round(%s,%s)"%(vec(d-1),R.choice(["5","0.1","10","0.25"]))
    if c<0.84: return 'label_replace(%s,"%s","%s","%s","%s")'%(vec(d-1),R.choice(["new","instance","__name__","job"]),R.choice(["$1","x$1","","fixed"]),R.choice(["instance","mode","job","nope"]),R.choice(["(.*)","a","([a-z]).*","b|c",""]))
    if c<0.88: return 'label_join(%s,"%s","-","instance","job")'%(vec(d-1),R.choice(["new","instance","__name__"]))
    if c<0.95: return "histogram_quantile(%s, %s)"%(R.choice(["0.5","0.9","0.99","0","1","1.2","-0.1"]),R.choice(["lat_bucket","rate(lat_bucket[5m])","sum by (le) (rate(lat_bucket[2m]))","sum by (le,route) (increase(lat_bucket[10m]))","lat_bucket{le!=\"1\"}","load","avg without (instance) (lat_bucket)"]))
    if c<0.965: return "%s(%s)"%(R.choice(["minute","hour","day_of_week","day_of_year","days_in_month","month","year","day_of_month"]),R.choice(["","vector(time()*1e5)","timestamp(up)","vector(time()-1e9)","up*1e9"]))
    if c<0.98: return "histogram_fraction(%s, %s, lat_bucket)"%(R.choice(["0","0.1","-1","0.3","-Inf"]),R.choice(["0.4","1","2","+Inf","0.05"]))
    return "vector(%s)"%scal(d-1)
def match():
    c=R.random()
    if c<0.35: return ""
    k=R.sample(["instance","job","mode","route"],R.randint(0,2))
    s=" %s(%s)"%(R.choice(["on","on","ignoring"]),",".join(k))
    if R.random()<0.35: s+=" %s%s"%(R.choice(["group_left","group_right"]),R.choice(["","(version)","(dc,version)"]))
    if R.random()<0.12: s+=R.choice([" fill(0)"," fill_left(2)"," fill_right(-1)"," fill_left(1) fill_right(5)"])
    return s
def bin(d):
    op=R.choice(["+","-","*","/","%","^","atan2","==","!=",">","<",">=","<=","and","or","unless"])
    b=" bool" if op in("==","!=",">","<",">=","<=") and R.random()<0.4 else ""
    c=R.random()
    if op in("and","or","unless"):
        m=match().split(" group")[0].split(" fill")[0]
        return "(%s %s%s %s)"%(vec(d-1),op,m,vec(d-1))
    if c<0.3: return "(%s %s%s %s)"%(vec(d-1),op,b,scal(1))
    if c<0.45: return "(%s %s%s %s)"%(scal(1),op,b,vec(d-1))
    if c<0.55: return R.choice(["cpu_total %s%s on(instance) group_left(version,dc) meta","load %s%s on(job) group_left limit","limit %s%s on(job) group_right load","up %s%s ignoring(version,dc) meta","up %s%s load","load %s%s on(instance,job) other"])%(op,b)
    return "(%s %s%s%s %s)"%(vec(d-1),op,b,match(),vec(d-1))
def vec(d):
    if d<=0: return R.choice([sel,sel,lambda: rfun(0)])() if R.random()<0.7 else sel()+shift()
    c=R.random()
    if c<0.15: return sel()+shift()
    if c<0.4: return rfun(d)
    if c<0.6: return agg(d)
    if c<0.8: return vfun(d)
    if c<0.97: return bin(d)
    return "-"+vec(d-1)
out=open("queries.jsonl","w")
seen=set(); n=0
while n<N:
    s="%s%s(%s, %s)"%(R.choice(["topk","bottomk"]),grp(),R.choice(["1","2","3","5","0"]),vec(1)) if R.random()<0.04 else vec(R.choice([1,1,2,2,3])) if R.random()<0.96 else scal(2)
    if s in seen or len(s)>400: continue
    seen.add(s); n+=1
    t=R.choice([0,600,905,1800,1807,2400,3600,3725,3900])*1000
    if R.random()<0.5: x=dict(query=s,Start=t,End=t,Step=0)
    else:
        step=R.choice([15,30,60,17,120])*1000
        x=dict(query=s,Start=t,End=t+step*R.randint(1,12),Step=step)
    out.write(json.dumps(x)+"\n")
